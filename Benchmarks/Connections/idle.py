"""Bytes that the server has for each idle connection after one REGISTER: see README.md.

    idle.py [--count 10000] [--json] [TRANSPORT…]
"""
import argparse
import json
import time

from server import Client, served

# How long after the last connection memory is read, in seconds: nothing is under way then.
SETTLE = 3.0


def measure(transport: str, count: int) -> dict:
    with served() as server:
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
parser.add_argument("transports", nargs="*", default=["tcp", "tls", "ws", "wss"])
arguments = parser.parse_args()
for transport in arguments.transports:
    result = measure(transport, arguments.count)
    if arguments.json:
        print(json.dumps(result), flush=True)
    else:
        print(f"{transport:4} {result['connections']:6} connections {result['bytes_per_connection']:7} B each", flush=True)
