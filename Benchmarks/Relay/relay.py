#!/usr/bin/env python3
"""Measures the relay of media: processor time for each packet, and the delay it adds, beside a bare relay in C.

    Benchmarks/Relay/relay.py --ito .build/release/ito [--calls 500] [--seconds 10] [--rounds 3] [--encrypted]

A server with `media: anchor` is called as often as --calls says, by SIP over loopback; then rtpload sends G.711 both ways through the
ports that the calls were told. The bare relay gets the same load. Each relay has a processor of its own, and the load the other. One
JSON object for each run goes to standard output, and last the ratio of the medians. What the delay says is both ways through the kernel too: compare
it with that of the bare relay.

With --encrypted it measures what SRTP on one leg adds instead: calls whose callees are encrypted by AES_CM_128_HMAC_SHA1_80 beside calls in the clear,
one way at a time. Packets of the callers are closed by the relay, those of the callees opened.
"""

import argparse
import base64
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


def build(folder, name):
    program = folder / name
    subprocess.run(["cc", "-O2", "-o", program, HERE / f"{name}.c", "-lcrypto"], check=True)
    return program


def processor_time(pid):
    """Seconds that a process has used, all threads together; by the scheduler, which counts nanoseconds and no ticks."""
    return sum(int(file.read_text().split()[0]) for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def description(port, transport="RTP/AVP", further=""):
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} {transport} 0\r\n{further}"
    )


SUITE = "AES_CM_128_HMAC_SHA1_80"


def answer(offer, port):
    """The answer to an offer, and the keys of what its writer sends and hears, for rtpload."""
    line = next((line for line in offer.split("\r\n") if line.startswith("a=crypto:") and f" {SUITE} " in line), None)
    if line is None:
        return description(port), ""
    mine, theirs = os.urandom(30), base64.b64decode(line.split("inline:")[1].split("|")[0])
    tag = line[len("a=crypto:"):].split()[0]
    crypto = f"a=crypto:{tag} {SUITE} inline:{base64.b64encode(mine).decode()}\r\n"
    return description(port, "RTP/SAVP", crypto), f" {mine.hex()} {theirs.hex()}"


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
        """Sets a call up; the lines of rtpload for the caller and the callee."""
        mine = FIRST_PORT + 4 * number
        host = f"127.0.0.1:{self.alice.getsockname()[1]}"
        common = ["Max-Forwards: 70", f"From: <sip:alice@localhost>;tag=a{number}", f"Call-ID: call-{number}"]
        self.send(
            self.alice, "INVITE sip:bob@localhost SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKi{number}", *common, "To: <sip:bob@localhost>", "CSeq: 1 INVITE",
             f"Contact: <sip:alice@{host}>"], description(mine))
        invite = self.receive(self.bob, "INVITE")
        back = self.fields(invite, "via", "record-route", "from", "call-id", "cseq")
        body, keys = answer(invite, mine + 2)
        self.send(
            self.bob, "SIP/2.0 200 OK",
            [*back, f"To: <sip:bob@localhost>;tag=b{number}", f"Contact: <sip:bob@{self.host}>"], body)
        answered = self.receive(self.alice, "SIP/2.0 200")
        route = [line.replace("Record-Route", "Route", 1) for line in self.fields(answered, "record-route")]
        self.send(
            self.alice, f"ACK sip:bob@{self.host} SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKa{number}", *common, *route,
             f"To: <sip:bob@localhost>;tag=b{number}", "CSeq: 1 ACK"])
        self.receive(self.bob, "ACK")
        return str(self.port(answered)), f"{self.port(invite)}{keys}"


def load(program, doors, seconds, pid, name, way="both"):
    before = processor_time(pid)
    output = subprocess.run(
        ["taskset", "-c", "0", program, str(seconds), str(FIRST_PORT), way], input="\n".join(map(str, doors)),
        capture_output=True, text=True, check=True)
    used = processor_time(pid) - before
    result = json.loads(output.stdout)
    result |= {"relay": name, "way": way, "microseconds": round(used * 1e6 / max(1, result["heard"]), 3)}
    print(json.dumps(result), flush=True)
    return result


def run_ito(ito, loader, calls, seconds, ways=("both",), encryption="pass"):
    """Runs of one server, one for each way."""
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        configuration = pathlib.Path(folder) / "ito.yaml"
        configuration.write_text("domains:\n  - name: localhost\n    media: anchor\n    media-encryption: " + encryption + "\n")
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
            name = "ito" if encryption == "pass" else f"ito, {encryption}"
            return [load(loader, doors, seconds, server.pid, name, way) for way in ways]
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


def compare_encrypted(options, loader):
    found = {}
    for _ in range(options.rounds):
        for encryption in ("pass", "sdes"):
            for run in run_ito(options.ito, loader, options.calls, options.seconds, ("caller", "callee"), encryption):
                found.setdefault((encryption, run["way"]), []).append(run)
    medians = {key: statistics.median(run["microseconds"] for run in runs) for key, runs in found.items()}
    print(json.dumps({
        "closed": round(medians["sdes", "caller"] - medians["pass", "caller"], 3),
        "opened": round(medians["sdes", "callee"] - medians["pass", "callee"], 3),
        "medians": {" ".join(key): value for key, value in medians.items()},
    }))
    lost = sum(run["sent"] - run["heard"] for runs in found.values() for run in runs)
    if lost:
        print(f"{lost} packets were lost", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ito", required=True)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encrypted", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        loader, bare = (build(pathlib.Path(folder), name) for name in ("rtpload", "barerelay"))
        if options.encrypted:
            return compare_encrypted(options, loader)
        runs = {"ito": [], "bare": []}
        for _ in range(options.rounds):
            runs["bare"].append(run_bare(bare, loader, options.calls, options.seconds))
            runs["ito"].append(run_ito(options.ito, loader, options.calls, options.seconds)[0])
    medians = {name: statistics.median(run["microseconds"] for run in of) for name, of in runs.items()}
    print(json.dumps({"medians": medians, "ratio": round(medians["ito"] / medians["bare"], 3)}))
    lost = sum(run["sent"] - run["heard"] for run in runs["ito"])
    if lost:
        print(f"{lost} packets were lost", file=sys.stderr)


if __name__ == "__main__":
    main()
