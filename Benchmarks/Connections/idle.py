"""Bytes that the server has for each idle connection after one REGISTER: see README.md.

    idle.py [--count 10000] [--json | --write] [TRANSPORT…]
"""
import argparse
import json
import sys
import time
from pathlib import Path

from server import ROOT, Client, served

sys.path.insert(0, str(ROOT / "Benchmarks" / "Kamailio"))
import table  # noqa: E402

BEGIN, END = "<!-- connections: begin; rewritten by Benchmarks/Connections/idle.py --write -->", "<!-- connections: end -->"
# The most bytes that a connection should take.
GOALS = {"tcp": 8_000, "tls": 30_000}
# How long after the last connection memory is read, in seconds: nothing is under way then.
SETTLE = 3.0


def measure(transport: str, count: int) -> dict:
    with served(arguments.ito) as server:
        first = max(1, count // 10)
        clients, points = [], []
        for target in (first, count):
            while len(clients) < target:
                client = Client(server, transport, len(clients))
                client.register()
                clients.append(client)
            time.sleep(SETTLE)
            points.append((len(clients), server.pss()))
        (less, before), (more, after) = points
        for client in clients:
            client.socket.close()
        return {
            "transport": transport, "connections": more, "bytes_per_connection": round((after - before) / (more - less)),
            "pss_first": before, "pss_last": after,
        }


parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int, default=10_000)
parser.add_argument("--json", action="store_true")
parser.add_argument("--ito", type=Path, default=ROOT / ".build/release/ito")
parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md too")
parser.add_argument("transports", nargs="*", default=["tcp", "tls", "ws", "wss"])
arguments = parser.parse_args()
lines = [BEGIN, "", f"{arguments.count:,} connections.", "", "| idle connection with its binding | PSS, B each | goal |", "| --- | --- | --- |"]
for transport in arguments.transports:
    result = measure(transport, arguments.count)
    goal = f"{GOALS[transport]:,}" if transport in GOALS else ""
    lines.append(f"| {transport.upper()} | {result['bytes_per_connection']:,} | {goal} |")
    print(json.dumps(result) if arguments.json else lines[-1], flush=True, file=sys.stdout if arguments.json else sys.stderr)
part = "\n".join([*lines, "", END])
if arguments.write:
    table.replace(ROOT / "docs" / "performance.md", part, BEGIN, END)
elif not arguments.json:
    print(part)
