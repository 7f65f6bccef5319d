"""Latency of OPTIONS over UDP beside peers that stall, and without them: see README.md.

    stalled.py [--peers 1000] [--rate 5000] [--duration 10] [--rounds 3] [--limit 2.0] [--ito FILE] [--json] [--write]

Exit status: 0 when the peers add no more to the p99 than the limit, in ms; 1 when they add more, or requests fail beside them.
"""
import argparse
import json
import socket
import statistics
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from server import ROOT, served

sys.path.insert(0, str(ROOT / "Benchmarks" / "Kamailio"))
import table  # noqa: E402

BEGIN, END = "<!-- stalled: begin; rewritten by script/bench --stalled -->", "<!-- stalled: end -->"
HELLO = bytes.fromhex("16030102000100")
QUESTION = (
    b"OPTIONS sip:bench.test SIP/2.0\r\nVia: SIP/2.0/TCP slow.invalid;branch=z9hG4bKslow%d\r\nMax-Forwards: 70\r\n"
    b"From: <sip:slow@elsewhere.test>;tag=1\r\nTo: <sip:bench.test>\r\nCall-ID: slow%d\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n")
# What a peer sends who registers a contact by a name that nobody knows, and asks for the user, so that the server asks for the name.
# It comes by UDP from where its Via says: a phone on a connection, or behind a NAT, would be reached by its flow.
NAMED = [
    f"{method} sip:{uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%(port)d;branch=z9hG4bK{method}%(n)d\r\nMax-Forwards: 70\r\n"
    f"From: <sip:hangs%(n)d@bench.test>;tag=1\r\nTo: <sip:hangs%(n)d@bench.test>\r\nCall-ID: {method}%(n)d\r\nCSeq: 1 {method}\r\n"
    f"{field}Content-Length: 0\r\n\r\n"
    for method, uri, field in [
        ("REGISTER", "bench.test", "Contact: <sip:phone@host%(n)d.hangs.test>\r\n"), ("MESSAGE", "hangs%(n)d@bench.test", "")]]
KINDS = 7


def stall(server, number: int) -> socket.socket:
    """A peer that does not go on, of a kind that follows from its number."""
    kind = number % KINDS
    if kind == 6:
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.connect(("127.0.0.1", server.ports["udp"]))
        for message in NAMED:
            peer.send((message % {"n": number, "port": peer.getsockname()[1]}).encode())
        return peer
    if kind == 5:
        # Asks without end and does not read.
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer.connect(("127.0.0.1", server.ports["tcp"]))
        peer.setblocking(False)
        try:
            for index in range(2_000):
                peer.send(QUESTION % (index, index))
        except BlockingIOError:
            pass
        return peer
    transport, beginning = [
        ("tls", b""), ("tls", HELLO), ("ws", b"GET / HTTP/1.1\r\nHost: a\r\n"), ("wss", HELLO[:1]),
        ("tcp", b"INVITE sip:a SIP/2.0\r\nVia: "),
    ][kind]
    peer = socket.create_connection(("127.0.0.1", server.ports[transport]))
    peer.sendall(beginning)
    return peer


@contextmanager
def silent_names():
    """A server of DNS that takes every question and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        names.bind(("127.0.0.1", 0))
        names.setblocking(False)
        yield names


def questions(names: socket.socket) -> int:
    """How many questions have come since the last time; what the kernel had no room for is not among them."""
    count = 0
    try:
        while names.recv(65_536):
            count += 1
    except BlockingIOError:
        return count


def load(server, duration: float) -> dict:
    command = [
        str(arguments.ito), "load", "options", "--target", f"udp://127.0.0.1:{server.ports['udp']}",
        "--rate", str(arguments.rate), "--duration", str(duration), "--domain", "bench.test", "--json"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def measure() -> dict[str, list[dict]]:
    """The results of each round, without peers and beside them."""
    results = {"clean": [], "stalled": []}
    with silent_names() as names:
        # Handshakes, and questions to DNS, may last as long as the measurement, so that all peers are there.
        with served(
            arguments.ito, ITO_TLS_HANDSHAKE_TIMEOUT="60s", ITO_DNS_SERVERS="127.0.0.1:%d" % names.getsockname()[1],
            ITO_DNS_TIMEOUT="30s",
        ) as server:
            load(server, 2)
            for turn in range(arguments.rounds):
                results["clean"].append(load(server, arguments.duration))
                # Each time other names: what was asked in vain is remembered for a while.
                first = turn * arguments.peers
                peers = [stall(server, number) for number in range(first, first + arguments.peers)]
                results["stalled"].append(load(server, arguments.duration))
                asked = questions(names)
                if arguments.peers >= KINDS and not asked:
                    raise SystemExit("the server asked for no name: the peers whose DNS hangs did not")
                for peer in peers:
                    peer.close()
    return results


def middle(rounds: list[dict], figure: str) -> float:
    return statistics.median(round_.get(figure, 0) for round_ in rounds)


def part(clean: dict, stalled: dict, added: float) -> str:
    """What docs/performance.md says."""
    lines = [
        BEGIN, "", f"{arguments.peers:,} peers, {arguments.rate:,} OPTIONS/s over UDP, medians of {arguments.rounds} rounds of "
        f"{arguments.duration:g} s.", "",
        "| beside peers that stall | p50, ms | p99, ms | p99.9, ms | added p99, ms | goal | failed |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for name, line, more in [("none", clean, " |  "), (f"{arguments.peers:,}", stalled, f"{added:.2f} | {arguments.limit:g}")]:
        lines.append(
            f"| {name} | {line['p50_us'] / 1000:.2f} | {line['p99_us'] / 1000:.2f} | {line['p999_us'] / 1000:.2f} | {more} | {line['failed']:g} |")
    return "\n".join([*lines, "", END])


def main() -> int:
    lines = {}
    for name, rounds in measure().items():
        lines[name] = {"load": name, "peers": arguments.peers if name == "stalled" else 0}
        for figure in ("p50_us", "p99_us", "p999_us", "failed"):
            lines[name][figure] = middle(rounds, figure)
        if arguments.json:
            print(json.dumps(lines[name]))
        else:
            print("  ".join(f"{key} {value}" for key, value in lines[name].items()), file=sys.stderr)
    added = (lines["stalled"]["p99_us"] - lines["clean"]["p99_us"]) / 1000
    text = part(lines["clean"], lines["stalled"], added)
    if arguments.write:
        table.replace(ROOT / "docs" / "performance.md", text, BEGIN, END)
    elif not arguments.json:
        print(text)
    if added <= arguments.limit and not lines["stalled"]["failed"]:
        return 0
    print(f"stalled.py: the peers add {added:.2f} ms to the p99 (limit {arguments.limit:g}), "
          f"and {lines['stalled']['failed']:g} requests failed", file=sys.stderr)
    return 1


parser = argparse.ArgumentParser()
parser.add_argument("--peers", type=int, default=1_000)
parser.add_argument("--rate", type=int, default=5_000)
parser.add_argument("--duration", type=float, default=10)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--limit", type=float, default=2.0, help="the most that peers may add to the p99, in ms")
parser.add_argument("--ito", type=Path, default=ROOT / ".build/release/ito")
parser.add_argument("--json", action="store_true")
parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md too")
arguments = parser.parse_args()
raise SystemExit(main())
