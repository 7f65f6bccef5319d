"""Ours alone: what two lanes cost beside one, and how soon a server that is started answers."""
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from measurement import calm
from processes import STOP_LIMIT, free_port
from rows import DOMAIN, ROWS
from servers import start_ours, temporary_folders

BEGIN, END = "<!-- lanes: begin; rewritten by script/bench -->", "<!-- lanes: end -->"
# How often a server is started for the time to its first answer.
STARTS = 10
# How often a client asks a server that is about to start, in seconds.
ASK_AGAIN = 0.001
# After how long it gives up, in seconds.
GIVE_UP = 10.0


@dataclass(frozen=True)
class Case:
    """A number of lanes, and of addresses and ports that the calls come from and go to."""

    title: str
    lanes: int
    sockets: int


CASES = [
    Case("one lane, 4 sockets", 1, 4),
    Case("two lanes, 4 sockets", 2, 4),
    Case("two lanes, all from one address and port", 2, 1),
]


def compare(ito: str, load: list[str], duration: int, repetitions: int, attempts: int, say) -> tuple[list[list[float]], list[float]]:
    """Seconds of processor time for each call, case by case; and the seconds from start to answer."""
    row = next(row for row in ROWS if row.key == "call")
    say("Lanes: CPU for each call")
    times: list[list[float]] = [[] for _ in CASES]
    for _ in range(repetitions):
        for case, measured in zip(CASES, times):
            with temporary_folders() as folder:
                result = calm(
                    lambda: start_ours(row, ito, [], folder(), lanes=case.lanes, spread=True), row, load, duration,
                    ("--sockets", str(case.sockets)), attempts)
            say(f"  {case.title:42} {result['cpu_per_operation'] * 1e6:8.2f} µs, {result['failed']} failed")
            if result["failed"]:
                raise SystemExit(f"calls have failed: {case.title}")
            measured.append(result["cpu_per_operation"])
    return times, [start(ito) for _ in range(STARTS)]


def register(port: int, own: int) -> bytes:
    """A REGISTER of a user without a password."""
    return (f"REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKstart\r\n"
            f"From: <sip:first@{DOMAIN}>;tag=1\r\nTo: <sip:first@{DOMAIN}>\r\nCall-ID: start\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:first@127.0.0.1:{own}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").encode()


def start(ito: str) -> float:
    """Seconds from the start of the process, with an empty data folder, to the 200 to a REGISTER."""
    port = free_port()
    with temporary_folders() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        client.settimeout(ASK_AGAIN)
        request = register(port, client.getsockname()[1])
        begin = time.monotonic()
        server = subprocess.Popen(
            [ito, "serve", "--listen", f"udp://127.0.0.1:{port}", "--domain", DOMAIN, "--no-auth", "--data", str(folder() / "data")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.monotonic() - begin < GIVE_UP:
                client.sendto(request, ("127.0.0.1", port))
                try:
                    if client.recv(65_536).startswith(b"SIP/2.0 200"):
                        return time.monotonic() - begin
                except (TimeoutError, ConnectionRefusedError):
                    continue
            raise SystemExit("a server that was started answered no REGISTER")
        finally:
            server.terminate()
            server.wait(STOP_LIMIT)


def render(result: tuple[list[list[float]], list[float]]) -> str:
    """The marked part."""
    times, starts = result
    one = statistics.median(times[0])
    lines = [BEGIN, "", f"{len(times[0])} runs of each, in turn.", "", "| calls through the proxy | CPU for each call, µs: median (least to most) | of one lane |",
             "| --- | --- | --- |"]
    for case, measured in zip(CASES, times):
        middle = statistics.median(measured)
        lines.append(f"| {case.title} | {middle * 1e6:.1f} ({min(measured) * 1e6:.1f} to {max(measured) * 1e6:.1f}) "
                     f"| {middle / one:.2f} |")
    lines += ["", f"Start of the process to the first REGISTER answered 200, {len(starts)} starts: median "
              f"{statistics.median(starts) * 1e3:.0f} ms, most {max(starts) * 1e3:.0f} ms (goal: 150 ms).", "", END]
    return "\n".join(lines)
