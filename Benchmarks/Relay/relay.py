#!/usr/bin/env python3
"""Measures the relay of media: processor time for each packet, and the delay it adds, beside a bare relay in C.

    Benchmarks/Relay/relay.py --ito .build/release/ito [--calls 500] [--seconds 10] [--rounds 3]

A server with `media: anchor` is called as often as --calls says, by SIP over loopback; then rtpload sends G.711 both ways through the
ports that the calls were told. The bare relay gets the same load. Each relay has a processor of its own, and the load the other. One
JSON object for each run goes to standard output, and last the ratio of the medians. What the delay says is both ways through the kernel too: compare
it with that of the bare relay.
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent
# Below the ports that the system chooses from, and those of the relay.
FIRST_PORT = 6_000
TICKS = os.sysconf("SC_CLK_TCK")


def build(folder, name):
    program = folder / name
    subprocess.run(["cc", "-O2", "-o", program, HERE / f"{name}.c"], check=True)
    return program


def processor_time(pid):
    """Seconds that a process has used, all threads together."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def description(port):
    return (
        f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
    )


class Caller:
    """Both ends of all calls, on one socket each: just enough SIP to have them set up."""

    def __init__(self, server):
        self.server = server
        self.alice, self.bob = self.open(), self.open()
        self.host = f"127.0.0.1:{self.bob.getsockname()[1]}"

    @staticmethod
    def open():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        one.settimeout(10)
        return one

    def send(self, by, head, fields, body=""):
        port = by.getsockname()[1]
        lines = [head, *fields, f"Content-Length: {len(body)}"]
        if body:
            lines.append("Content-Type: application/sdp")
        by.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self.server)
        return port

    @staticmethod
    def receive(by, beginning):
        while True:
            text = by.recv(65_536).decode()
            if text.startswith(beginning):
                return text

    @staticmethod
    def fields(text, *names):
        head = text.split("\r\n\r\n")[0].split("\r\n")[1:]
        return [line for line in head if line.split(":")[0].lower() in names]

    @staticmethod
    def port(text):
        line = next(line for line in text.split("\r\n") if line.startswith("m=audio "))
        return int(line.split()[1])

    def register(self):
        self.send(
            self.bob, "REGISTER sip:localhost SIP/2.0",
            [f"Via: SIP/2.0/UDP {self.host};branch=z9hG4bKr", "Max-Forwards: 70", "From: <sip:bob@localhost>;tag=r",
             "To: <sip:bob@localhost>", "Call-ID: register", "CSeq: 1 REGISTER", f"Contact: <sip:bob@{self.host}>"])
        self.receive(self.bob, "SIP/2.0 200")

    def call(self, number):
        """Sets a call up; the ports that the caller and the callee are to send to."""
        mine = FIRST_PORT + 4 * number
        host = f"127.0.0.1:{self.alice.getsockname()[1]}"
        common = ["Max-Forwards: 70", f"From: <sip:alice@localhost>;tag=a{number}", f"Call-ID: call-{number}"]
        self.send(
            self.alice, "INVITE sip:bob@localhost SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKi{number}", *common, "To: <sip:bob@localhost>", "CSeq: 1 INVITE",
             f"Contact: <sip:alice@{host}>"], description(mine))
        invite = self.receive(self.bob, "INVITE")
        back = self.fields(invite, "via", "record-route", "from", "call-id", "cseq")
        self.send(
            self.bob, "SIP/2.0 200 OK",
            [*back, f"To: <sip:bob@localhost>;tag=b{number}", f"Contact: <sip:bob@{self.host}>"], description(mine + 2))
        answer = self.receive(self.alice, "SIP/2.0 200")
        route = [line.replace("Record-Route", "Route", 1) for line in self.fields(answer, "record-route")]
        self.send(
            self.alice, f"ACK sip:bob@{self.host} SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKa{number}", *common, *route,
             f"To: <sip:bob@localhost>;tag=b{number}", "CSeq: 1 ACK"])
        self.receive(self.bob, "ACK")
        return self.port(answer), self.port(invite)


def load(program, doors, seconds, pid, name):
    before = processor_time(pid)
    output = subprocess.run(
        ["taskset", "-c", "0", program, str(seconds), str(FIRST_PORT)], input="\n".join(map(str, doors)),
        capture_output=True, text=True, check=True)
    used = processor_time(pid) - before
    result = json.loads(output.stdout)
    result |= {"relay": name, "microseconds": round(used * 1e6 / max(1, result["heard"]), 3)}
    print(json.dumps(result), flush=True)
    return result


def run_ito(ito, loader, calls, seconds):
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        configuration = pathlib.Path(folder) / "ito.yaml"
        configuration.write_text("domains:\n  - name: localhost\n    media: anchor\n")
        reserve = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        reserve.bind(("127.0.0.1", 0))
        address = reserve.getsockname()
        reserve.close()
        server = subprocess.Popen(
            ["taskset", "-c", "1", ito, "serve", "--data", f"{folder}/data", "--config", configuration, "--no-auth", "--memory",
             "--listen", f"udp://127.0.0.1:{address[1]}"], stdout=subprocess.PIPE, text=True)
        try:
            while "ready" not in server.stdout.readline():
                pass
            caller = Caller(address)
            caller.register()
            doors = [door for number in range(calls) for door in caller.call(number)]
            time.sleep(1)
            return load(loader, doors, seconds, server.pid, "ito")
        finally:
            server.terminate()
            server.wait()


def run_bare(relay, loader, calls, seconds):
    process = subprocess.Popen(
        ["taskset", "-c", "1", relay, str(2 * calls), str(FIRST_PORT)], stdout=subprocess.PIPE, text=True)
    try:
        doors = [int(process.stdout.readline()) for _ in range(2 * calls)]
        return load(loader, doors, seconds, process.pid, "bare")
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ito", required=True)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        loader, bare = (build(pathlib.Path(folder), name) for name in ("rtpload", "barerelay"))
        runs = {"ito": [], "bare": []}
        for _ in range(options.rounds):
            runs["bare"].append(run_bare(bare, loader, options.calls, options.seconds))
            runs["ito"].append(run_ito(options.ito, loader, options.calls, options.seconds))
    medians = {name: statistics.median(run["microseconds"] for run in of) for name, of in runs.items()}
    print(json.dumps({"medians": medians, "ratio": round(medians["ito"] / medians["bare"], 3)}))
    lost = sum(run["sent"] - run["heard"] for run in runs["ito"])
    if lost:
        print(f"{lost} packets were lost", file=sys.stderr)


if __name__ == "__main__":
    main()
