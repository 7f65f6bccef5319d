"""Latency of OPTIONS over UDP beside peers that stall, and without them: see README.md.

    stalled.py [--peers 1000] [--rate 5000] [--duration 10] [--rounds 3] [--json]
"""
import argparse
import json
import socket
import subprocess

from server import ROOT, Client, served

HELLO = bytes.fromhex("16030102000100")
QUESTION = (
    b"OPTIONS sip:bench.test SIP/2.0\r\nVia: SIP/2.0/TCP slow.invalid;branch=z9hG4bKslow%d\r\nMax-Forwards: 70\r\n"
    b"From: <sip:slow@elsewhere.test>;tag=1\r\nTo: <sip:bench.test>\r\nCall-ID: slow%d\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n")


def stall(server, number: int) -> socket.socket:
    """A peer that does not go on, of a kind that follows from its number."""
    kind = number % 6
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


def load(server, rate: int, duration: float) -> dict:
    command = [
        str(ROOT / ".build/release/ito"), "load", "options", "--target", f"udp://127.0.0.1:{server.ports['udp']}",
        "--rate", str(rate), "--duration", str(duration), "--domain", "bench.test", "--json"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.strip().splitlines()[-1])


def main(arguments) -> None:
    # Handshakes may last as long as the measurement, so that all peers are there.
    with served(ITO_TLS_HANDSHAKE_TIMEOUT="60s") as server:
        load(server, arguments.rate, 2)
        results = {"clean": [], "stalled": []}
        for _ in range(arguments.rounds):
            results["clean"].append(load(server, arguments.rate, arguments.duration))
            peers = [stall(server, number) for number in range(arguments.peers)]
            results["stalled"].append(load(server, arguments.rate, arguments.duration))
            for peer in peers:
                peer.close()
        for name, rounds in results.items():
            line = {"load": name, "peers": arguments.peers if name == "stalled" else 0}
            for figure in ("p50_us", "p99_us", "p999_us", "failed"):
                line[figure] = sorted(round_.get(figure, 0) for round_ in rounds)[len(rounds) // 2]
            print(json.dumps(line) if arguments.json else "  ".join(f"{key} {value}" for key, value in line.items()))


parser = argparse.ArgumentParser()
parser.add_argument("--peers", type=int, default=1_000)
parser.add_argument("--rate", type=int, default=5_000)
parser.add_argument("--duration", type=float, default=10)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--json", action="store_true")
main(parser.parse_args())
