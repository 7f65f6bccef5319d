#!/usr/bin/env python3
"""Measures `ito relay` and coturn in turn, with the same clients and the same load.

    python3 Benchmarks/TURN/compare.py --ito .build/release/ito [--clients 200] [--rates 10000,50000] [--size 172] [--duration 5]
                                       [--rounds 3] [--allocations 2000]

Clients send channel data at fixed rates (turnload.c), and a peer sends each datagram back: each sent is relayed twice. What is measured is the
processor time of all threads of the server, user and kernel, for each relayed datagram (/proc/PID/task/*/schedstat), and
then its resident memory for each of many allocations with a permission and a channel. Server and generator have a processor each.
One JSON object for each run goes to standard output. Status 1 when datagrams were lost beyond one in a hundred.
"""

import argparse
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

COOKIE = 0x2112A442
USER, PASSWORD, REALM = b"alice", b"secret", b"example.org"
ALLOCATE, REFRESH, PERMIT, BIND = 0x003, 0x004, 0x008, 0x009


def attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def xor_address(address):
    host, port = address
    number = struct.unpack("!I", socket.inet_aton(host))[0] ^ COOKIE
    return struct.pack("!BBHI", 0, 1, port ^ (COOKIE >> 16), number)


class Client:
    """One allocation with one channel, by UDP."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(server)
        self.socket.settimeout(5)
        self.nonce = None

    def ask(self, method, attributes):
        for _ in range(3):
            body = attributes
            identity = os.urandom(12)
            if self.nonce:
                body += attribute(0x06, USER) + attribute(0x14, REALM) + attribute(0x15, self.nonce)
                head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + identity
                key = hashlib.md5(USER + b":" + REALM + b":" + PASSWORD).digest()
                body += attribute(0x08, hmac.new(key, head + body, hashlib.sha1).digest())
            self.socket.send(struct.pack("!HHI", method, len(body), COOKIE) + identity + body)
            answer = self.socket.recv(2048)
            kind = struct.unpack("!H", answer[:2])[0]
            found, at = {}, 20
            while at < len(answer):
                name, size = struct.unpack("!HH", answer[at:at + 4])
                found.setdefault(name, answer[at + 4:at + 4 + size])
                at += 4 + (size + 3) // 4 * 4
            if kind & 0x110 == 0x100:
                return found
            code = found[0x09][2] * 100 + found[0x09][3]
            if code not in (401, 438):
                raise RuntimeError(f"method {method}: refused with {code}")
            self.nonce = found[0x15]
        raise RuntimeError(f"method {method}: challenged again and again")

    def open(self, peer):
        found = self.ask(ALLOCATE, attribute(0x19, bytes([17, 0, 0, 0])))
        number = struct.unpack("!I", found[0x16][4:8])[0] ^ COOKIE
        self.relayed = (socket.inet_ntoa(struct.pack("!I", number)), struct.unpack("!H", found[0x16][2:4])[0] ^ 0x2112)
        self.ask(BIND, attribute(0x0C, struct.pack("!HH", 0x4000, 0)) + attribute(0x12, xor_address(peer)))

    def close(self):
        self.socket.close()


class Server:
    """A server as a process on a processor of its own."""

    def __init__(self, name, ito):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix="turn-bench-")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        port = str(self.address[1])
        if name == "ours":
            command = [ito, "relay", "--data", self.folder, "--listen", f"udp://127.0.0.1:{port}", "--lanes", "1",
                       "--allow", "127.0.0.1", "--realm", REALM.decode()]
        else:
            command = ["turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-a", "-u", "alice:secret", "-r",
                       REALM.decode(), "-p", port, "--allow-loopback-peers", "--no-cli", "--no-tls", "--no-dtls", "-m", "1",
                       "--pidfile", self.folder + "/pid", "--log-file", "/dev/null", "--no-stdout-log"]
        environment = dict(os.environ, ITO_TURN_USERS="alice:secret", ITO_TURN_STRANGER_ANSWERS="1000000",
                           ITO_TURN_ALLOCATIONS="16000", ITO_TURN_ALLOCATIONS_PER_USER="16000")
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.sched_setaffinity(self.process.pid, {0})
        for _ in range(100):
            try:
                probe = Client(self.address)
                probe.socket.settimeout(0.2)
                probe.socket.send(struct.pack("!HHI", 1, 0, COOKIE) + os.urandom(12))
                probe.socket.recv(100)
                break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{name} does not answer")
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            os.sched_setaffinity(int(task), {0})

    def seconds(self):
        """Processor time of all threads so far."""
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            with open(f"/proc/{self.process.pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def resident(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def relay(server, arguments, load, rate):
    """Processor time for each relayed datagram."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    clients = [Client(server.address) for _ in range(arguments.clients)]
    for client in clients:
        client.open(peer.getsockname())
    sockets = [peer] + [client.socket for client in clients]

    def run(seconds):
        command = [load, str(rate), str(seconds), str(arguments.size)] + [str(item.fileno()) for item in sockets]
        output = subprocess.run(command, pass_fds=[item.fileno() for item in sockets], capture_output=True, text=True, check=True)
        return [int(number) for number in output.stdout.split()]

    run(1)
    before = server.seconds()
    sent, echoed, received = run(arguments.duration)
    spent = server.seconds() - before
    for client in clients:
        client.close()
    peer.close()
    return {"server": server.name, "row": "relay", "clients": arguments.clients, "rate": rate, "sent": sent,
            "echoed": echoed, "received": received, "microseconds": round(spent / max(1, echoed + received) * 1e6, 3)}


def memory(server, arguments):
    """Resident memory for each allocation."""
    first = [Client(server.address) for _ in range(10)]
    for client in first:
        client.open(("127.0.0.1", 9))
    time.sleep(0.5)
    before = server.resident()
    clients = []
    for _ in range(arguments.allocations):
        client = Client(server.address)
        client.open(("127.0.0.1", 9))
        clients.append(client)
    time.sleep(0.5)
    after = server.resident()
    for client in first + clients:
        client.close()
    return {"server": server.name, "row": "memory", "allocations": arguments.allocations,
            "octets": round((after - before) / arguments.allocations)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ito", required=True)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--rates", default="10000,50000", help="datagrams a second of all clients")
    parser.add_argument("--size", type=int, default=172)
    parser.add_argument("--duration", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--allocations", type=int, default=2_000)
    parser.add_argument("--servers", default="ours,coturn")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1} if (os.cpu_count() or 1) > 1 else {0})
    results = []

    def measure(name, row):
        server = Server(name, arguments.ito)
        try:
            results.append(row(server))
            print(json.dumps(results[-1]), flush=True)
        finally:
            server.end()

    with tempfile.TemporaryDirectory() as folder:
        load = folder + "/turnload"
        subprocess.run(["cc", "-O2", "-o", load, os.path.join(os.path.dirname(__file__), "turnload.c")], check=True)
        names = arguments.servers.split(",")
        rates = [int(rate) for rate in arguments.rates.split(",")]
        for rate in rates:
            for _ in range(arguments.rounds):
                for name in names:
                    measure(name, lambda server: relay(server, arguments, load, rate))
        for name in names:
            measure(name, lambda server: memory(server, arguments))
    for name in names:
        for rate in rates:
            values = sorted(result["microseconds"] for result in results
                            if result["row"] == "relay" and result["rate"] == rate and result["server"] == name)
            print(f"relay {name} {rate}/s: {values[len(values) // 2]} microseconds ({values[0]} to {values[-1]})", file=sys.stderr)
        for result in results:
            if result["row"] == "memory" and result["server"] == name:
                print(f"memory {name}: {result['octets']} octets", file=sys.stderr)
    lost = [result for result in results if result["row"] == "relay" and result["received"] < 0.99 * result["sent"]]
    sys.exit(1 if lost else 0)


main()
