#!/usr/bin/env bash
# network.bash: makes networks behind address translators, for the tests of traversal; needs root, ip (iproute2) and nft (nftables).
#
#   network.bash make PREFIX      makes the namespaces below, whose names begin with PREFIX
#   network.bash remove PREFIX    takes them away, with all addresses and rules in them
#
# Nothing outside of these namespaces is touched. PREFIX-public is the public network, 203.0.113.1 and 2001:db8::1, where servers run. Each
# kind of site is there twice, as PREFIX-KIND-1 and PREFIX-KIND-2: a namespace with one phone's network, and but for `open`, `ipv6`
# and `dual` a translator in front of it, PREFIX-KIND-N-nat:
#
#   open              203.0.113.X on the public network
#   ipv6              2001:db8::X on the public network, and no IPv4 address
#   dual              203.0.113.X and 2001:db8::X on the public network
#   full-cone         endpoint-independent mapping and filtering (RFC 4787 §4.1, §5): all UDP ports of the outer address are forwarded to the
#                     one host, and what it sends leaves by the same port
#   restricted        endpoint-independent mapping, address-dependent filtering: forwarded as above, from hosts alone that were sent to
#   port-restricted   what `masquerade` of Linux does: the port is kept, which is an endpoint-independent mapping as long as no two inner ports
#                     collide; only who was sent to is let in, address and port
#   symmetric         `masquerade random,fully-random`: each destination sees another port, and only it is let in
#   udp-blocked       port-restricted, but no UDP passes at all
#
# Translators drop what they do not know, as a router's firewall does: else Linux would keep it as a flow of its own, and map the answer of the
# host behind it to another port.
set -euo pipefail

translated=(full-cone restricted port-restricted symmetric udp-blocked)
direct=(open ipv6 dual)

in_namespace() { ip netns exec "$@"; }

make_namespace() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}

# Connects a namespace to the public network, by its interface `wan`.
join_public() {
    ip -n "$prefix-public" link add "site$2" type veth peer name wan netns "$1"
    ip -n "$prefix-public" link set dev "site$2" master switch up
    ip -n "$1" link set dev wan up
}

# The rules of a translator of a kind, for nft.
rules_of() {
    local forward="" before="" after=""
    case "$1" in
        full-cone) before='iifname "wan" meta l4proto udp dnat to 10.0.0.2' after='snat to' ;;
        restricted)
            before='iifname "wan" meta l4proto udp ip saddr @contacted dnat to 10.0.0.2' after='snat to'
            forward='oifname "wan" meta l4proto udp update @contacted { ip daddr }'
            ;;
        port-restricted) after='masquerade' ;;
        symmetric) after='masquerade random,fully-random' ;;
        udp-blocked)
            after='masquerade'
            forward='meta l4proto udp drop'
            ;;
    esac
    [ "$after" != 'snat to' ] || after="snat to $2"
    cat <<END
table ip translator {
    set contacted { type ipv4_addr; flags dynamic,timeout; timeout 5m; }
    chain before { type nat hook prerouting priority dstnat; $before; }
    chain through { type filter hook forward priority filter; $forward; }
    chain after { type nat hook postrouting priority srcnat; oifname "wan" $after; }
    chain here { type filter hook input priority filter; policy drop; ct state established,related accept; meta l4proto icmp accept; }
}
END
}

make() {
    make_namespace "$prefix-public"
    ip -n "$prefix-public" link add name switch type bridge
    ip -n "$prefix-public" addr add 203.0.113.1/24 dev switch
    ip -n "$prefix-public" addr add 2001:db8::1/64 dev switch nodad
    ip -n "$prefix-public" link set dev switch up
    local number=10 kind copy site
    for copy in 1 2; do
        for kind in "${direct[@]}"; do
            number=$((number + 1)) site=$prefix-$kind-$copy
            make_namespace "$site"
            join_public "$site" "$number"
            [ "$kind" = open ] || ip -n "$site" addr add "2001:db8::$number/64" dev wan nodad
            [ "$kind" = ipv6 ] || ip -n "$site" addr add "203.0.113.$number/24" dev wan
        done
        for kind in "${translated[@]}"; do
            number=$((number + 1)) site=$prefix-$kind-$copy
            make_namespace "$site"
            make_namespace "$site-nat"
            join_public "$site-nat" "$number"
            ip -n "$site-nat" addr add "203.0.113.$number/24" dev wan
            ip -n "$site-nat" link add name lan type veth peer name wan netns "$site"
            ip -n "$site-nat" addr add 10.0.0.1/24 dev lan
            ip -n "$site-nat" link set dev lan up
            ip -n "$site" addr add 10.0.0.2/24 dev wan
            ip -n "$site" link set dev wan up
            ip -n "$site" route add default via 10.0.0.1
            in_namespace "$site-nat" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
            rules_of "$kind" "203.0.113.$number" | in_namespace "$site-nat" nft -f -
        done
    done
}

remove() {
    local name
    for name in $(ip netns list | cut -d ' ' -f 1); do
        case "$name" in "$prefix"-*) ip netns delete "$name" ;; esac
    done
}

[ $# = 2 ] && [ -n "$2" ] || { sed -n '3,5s/^# *//p' "$0" >&2; exit 2; }
prefix=$2
case "$1" in
    make) make ;;
    remove) remove ;;
    *) echo "network.bash: unknown command $1" >&2; exit 2 ;;
esac
