#!/usr/bin/env python3
"""Measures what SIP waits beside a media lane that has all the work there is: the goal is a p99 within 1 ms of that beside an idle one.

    Benchmarks/Relay/latency.py --ito .build/release/ito [--rounds 5] [--seconds 4] [--rate 200] [--legs 16]

A server with one lane of signalling and one of media relays --legs / 2 calls. Its media lane has processor 1, and all its other threads processor 0. In
turn the media lane rests, and gets packets from several `flood`, which share processor 1 with it and send as fast as they can: there is always one that
waits for the lane, and those that find no room are dropped. Meanwhile this program, on processor 0, asks the server OPTIONS at --rate, one after another, and each tenth time sets up a
relayed call and ends it: counted is the time that its INVITE and its 200 take through the server, sockets and descriptions included.

One JSON object for each turn goes to standard output, in which `busy` is the share of processor 1 that the media lane had and `waiting` that of
looks at its sockets which found packets there, and last a table of the medians over the rounds. A lane for which none waited is an error.
"""

import argparse
import gc
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from relay import FIRST_PORT, Caller, build, description

SIGNALLING, MEDIA = 0, 1
# Calls that are measured have ports behind those of the flood; nothing is sent to them.
MEASURED_PORT = 14_000
GOAL = 1.0
# Processes that share the processor of the media lane: alone one would have to wait for it, since a packet costs a sender less than the relay.
FLOODS = 3
# That of media lanes is -11, where the server may have it.
FLOOD_NICENESS = -16
# The share of looks that must have found packets in the sockets of a lane which is said to be saturated.
WAITING = 0.9


def threads(pid):
    """The threads of a process by name."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        found.setdefault((task / "comm").read_text().strip(), []).append(int(task.name))
    return found


def pin(pid):
    """Puts the media lane of the relay on a processor of its own; its thread."""
    media = [task for name, tasks in threads(pid).items() if name.startswith("relay") for task in tasks]
    if len(media) != 1:
        sys.exit(f"the relay has {len(media)} lanes, of {threads(pid)}")
    for tasks in threads(pid).values():
        for task in tasks:
            os.sched_setaffinity(task, {MEDIA if task in media else SIGNALLING})
    return media[0]


def outrank():
    """Has a flood go before the media lane, which goes before others where it may."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, FLOOD_NICENESS)
    except PermissionError:
        pass  # The lane could not either.


def thread_time(pid, task):
    """Seconds that a thread has used."""
    return int(pathlib.Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]) / 1e9


def sockets(ports):
    """The octets that wait at sockets with these ports, and the datagrams that the kernel has dropped there for want of room."""
    lines = (line.split() for line in pathlib.Path("/proc/net/udp").read_text().splitlines()[1:])
    found = [(int(line[4].split(":")[1], 16), int(line[-1])) for line in lines if int(line[1].split(":")[1], 16) in ports]
    return sum(waiting for waiting, _ in found), sum(dropped for _, dropped in found)


class Asker(Caller):
    """A phone that asks and calls, one thing after another."""

    def __init__(self, server):
        super().__init__(server)
        self.count = 0
        self.calls = 0

    def ask(self):
        """Seconds to the answer of an OPTIONS."""
        self.count += 1
        host = f"127.0.0.1:{self.alice.getsockname()[1]}"
        begin = time.perf_counter()
        self.send(
            self.alice, "OPTIONS sip:localhost SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKo{self.count}", "Max-Forwards: 70",
             f"From: <sip:alice@localhost>;tag=o{self.count}", "To: <sip:localhost>", f"Call-ID: ask-{self.count}", "CSeq: 1 OPTIONS"])
        self.receive(self.alice, "SIP/2.0 200")
        return time.perf_counter() - begin

    def measured_call(self):
        """Seconds that the INVITE and the 200 of a relayed call take through the server; the call is ended."""
        self.calls += 1
        number, mine = f"m{self.calls}", MEASURED_PORT
        host = f"127.0.0.1:{self.alice.getsockname()[1]}"
        common = ["Max-Forwards: 70", f"From: <sip:alice@localhost>;tag=a{number}", f"Call-ID: call-{number}"]
        begin = time.perf_counter()
        self.send(
            self.alice, "INVITE sip:bob@localhost SIP/2.0",
            [f"Via: SIP/2.0/UDP {host};branch=z9hG4bKi{number}", *common, "To: <sip:bob@localhost>", "CSeq: 1 INVITE",
             f"Contact: <sip:alice@{host}>"], description(mine))
        invite = self.receive(self.bob, "INVITE")
        taken = time.perf_counter() - begin
        back = self.fields(invite, "via", "record-route", "from", "call-id", "cseq")
        to = f"To: <sip:bob@localhost>;tag=b{number}"
        begin = time.perf_counter()
        self.send(self.bob, "SIP/2.0 200 OK", [*back, to, f"Contact: <sip:bob@{self.host}>"], description(mine + 2))
        answered = self.receive(self.alice, "SIP/2.0 200")
        taken += time.perf_counter() - begin
        route = [line.replace("Record-Route", "Route", 1) for line in self.fields(answered, "record-route")]
        for method, sequence in (("ACK", 1), ("BYE", 2)):
            self.send(
                self.alice, f"{method} sip:bob@{self.host} SIP/2.0",
                [f"Via: SIP/2.0/UDP {host};branch=z9hG4bK{method}{number}", *common, *route, to, f"CSeq: {sequence} {method}"])
            request = self.receive(self.bob, method)
        self.send(self.bob, "SIP/2.0 200 OK", self.fields(request, "via", "from", "to", "call-id", "cseq"))
        self.receive(self.alice, "SIP/2.0 200")
        return taken


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def measure(asker, seconds, rate, doors):
    """Latencies in milliseconds of OPTIONS and of calls, and how often packets were waiting for the media lane."""
    asked, called, waiting = [], [], []
    begin, number = time.perf_counter(), 0
    gc.disable()
    while (due := begin + number / rate) < begin + seconds:
        if (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        asked.append(asker.ask() * 1e3)
        if number % 10 == 9:
            called.append(asker.measured_call() * 1e3)
        elif number % 10 == 4:
            waiting.append(sockets(doors)[0] > 0)
        number += 1
    gc.enable()
    return {
        "options": {"count": len(asked), "p50": round(quantile(asked, 0.5), 3), "p99": round(quantile(asked, 0.99), 3)},
        "calls": {"count": len(called), "p50": round(quantile(called, 0.5), 3), "p99": round(quantile(called, 0.99), 3)},
        "waiting": round(statistics.mean(waiting), 2),
    }


def turn(name, pid, media, doors, asker, options, program):
    """One turn with an idle or a saturated media lane."""
    floods = []
    for number in range(FLOODS if name == "saturated" else 0):
        # Calls are whole: the legs of a flood are neighbours.
        first = len(doors) // FLOODS * number
        flood = subprocess.Popen(
            ["taskset", "-c", str(MEDIA), program, str(FIRST_PORT + 2 * first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, preexec_fn=outrank,
            # Else the scheduler of Linux (autogroup) would take from our part of the signalling's processor what the floods have of the other.
            start_new_session=True)
        flood.stdin.write("\n".join(map(str, doors[first:first + len(doors) // FLOODS])) + "\n")
        flood.stdin.close()
        floods.append(flood)
    for flood in floods:
        if flood.stdout.readline().strip() != "begun":
            sys.exit("nothing can be sent to the relay")
    time.sleep(0.2)
    used, dropped, begin = thread_time(pid, media), sockets(doors)[1], time.perf_counter()
    result = {"media": name} | measure(asker, options.seconds, options.rate, doors)
    elapsed = time.perf_counter() - begin
    result |= {
        "busy": round((thread_time(pid, media) - used) / elapsed, 3), "dropped": sockets(doors)[1] - dropped,
    }
    result["sent"] = 0
    for flood in floods:
        flood.terminate()
        result["sent"] += json.loads(flood.stdout.readline())["sent"]
        flood.wait()
    if floods and result["waiting"] < WAITING:
        sys.exit(f"the media lane was not saturated: {result}")
    time.sleep(0.2)
    print(json.dumps(result), flush=True)
    return result


def table(results):
    print("\n| media lane | OPTIONS p50, ms | p99, ms | calls p50, ms | p99, ms |\n| --- | --- | --- | --- | --- |")
    rows = {}
    for name, runs in results.items():
        rows[name] = [statistics.median(run[what][share] for run in runs) for what in ("options", "calls") for share in ("p50", "p99")]
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in rows[name]) + " |")
    added = [saturated - idle for idle, saturated in zip(rows["idle"], rows["saturated"])]
    print("| added | " + " | ".join(f"{value:+.3f}" for value in added) + " |")
    print(f"\nadded to the p99 of OPTIONS: {added[1]:+.3f} ms (goal: {GOAL} ms): {'met' if added[1] <= GOAL else 'missed'}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ito", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--legs", type=int, default=24)
    options = parser.parse_args()
    if options.legs < 2 * FLOODS or options.legs % (2 * FLOODS):
        parser.error(f"--legs is a multiple of {2 * FLOODS}")
    os.sched_setaffinity(0, {SIGNALLING})
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        program = build(pathlib.Path(folder), "flood")
        configuration = pathlib.Path(folder) / "ito.yaml"
        configuration.write_text(
            "domains:\n  - name: localhost\n    media: anchor\nlanes:\n  count: 1\nmedia:\n  relay-lanes: 1\n")
        reserve = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        reserve.bind(("127.0.0.1", 0))
        address = reserve.getsockname()
        reserve.close()
        server = subprocess.Popen(
            [options.ito, "serve", "--data", f"{folder}/data", "--config", configuration, "--no-auth", "--memory",
             "--listen", f"udp://127.0.0.1:{address[1]}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            while "ready" not in server.stdout.readline():
                pass
            asker = Asker(address)
            asker.register()
            doors = [int(door) for number in range(options.legs // 2) for door in asker.call(number)]
            media = pin(server.pid)
            results = {"idle": [], "saturated": []}
            measure(asker, 1, options.rate, doors)
            for _ in range(options.rounds):
                for name in results:
                    results[name].append(turn(name, server.pid, media, doors, asker, options, program))
        finally:
            server.terminate()
            server.wait()
    table(results)


if __name__ == "__main__":
    main()
