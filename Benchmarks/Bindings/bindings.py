"""What a million bindings take of a server, and how long it takes to have them back from the data base: see README.md.

    bindings.py [--count 1000000] [--ito PATH] [--write] [plain] [full]
"""
import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "Benchmarks" / "Kamailio"), str(ROOT / "Benchmarks" / "Heap")]
import heap  # noqa: E402
import table  # noqa: E402

BEGIN, END = "<!-- bindings: begin; rewritten by Benchmarks/Bindings/bindings.py --write -->", "<!-- bindings: end -->"
# Requests that are under way at a time: no more than the server's socket holds.
WINDOW = 128
# How long an answer may take before what has none is asked again, in seconds.
PATIENCE = 1.0
# How long after the last answer memory is read, in seconds: transactions have gone then (Timer J of RFC 3261 is 32 s).
DRAIN = 40.0
# How long a server may take to have its bindings back, in seconds.
RELOAD_LIMIT = 300.0
# Users that are there before memory is read first.
FIRST = range(9_000_000, 9_001_000)
KINDS = {
    "plain": "Contact URI of 42 bytes, Call-ID of 36",
    "full": "also +sip.instance, reg-id and a Path of 48 bytes",
}


def request(kind: str, number: int, own: int) -> bytes:
    """The REGISTER of a user, whose parts have the lengths of real ones."""
    user = f"u{number:07}"
    contact, path = f"<sip:{user}@127.0.0.1:{own};transport=udp>", ""
    if kind == "full":
        contact += f';+sip.instance="<urn:uuid:00000000-0000-1000-8000-00000{number:07}>";reg-id=1'
        path = "Path: <sip:edge-one.example.com:5060;transport=udp;lr>\r\nSupported: path, outbound\r\n"
    return (f"REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{number:07}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@bench.test>;tag={number}\r\nTo: <sip:{user}@bench.test>\r\n"
            f"Call-ID: 7c9e6679-7425-40de-944b-e07f{number:07}0\r\nCSeq: 1 REGISTER\r\nContact: {contact}\r\n{path}"
            "Expires: 86400\r\nContent-Length: 0\r\n\r\n").encode()


class Server:
    """A server without authentication, with a library in it that tells of its heap."""

    def __init__(self, ito: Path, folder: Path, library: Path, *arguments: str):
        self.report, self.log = folder / "heap", folder / "log"
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(ito), "serve", "--no-auth", "--domain", "bench.test", "--lanes", "1", "--listen", "udp://127.0.0.1:0",
                 "--data", str(folder / "data"), *arguments],
                stdout=subprocess.PIPE, stderr=log, text=True, env=heap.environment(library, self.report))
        ready = re.search(r"udp://127\.0\.0\.1:(\d+)", self.process.stdout.readline())
        if ready is None:
            raise SystemExit(f"the server did not start:\n{self.log.read_text()}")
        self.port = int(ready.group(1))

    def pss(self) -> int:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1)) << 10

    def heap(self) -> int:
        return heap.live(self.process, self.report)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def register(server: Server, kind: str, users: range) -> None:
    """Registers the users, a window at a time; what is lost is sent again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        client.bind(("127.0.0.1", 0))
        client.connect(("127.0.0.1", server.port))
        client.settimeout(PATIENCE)
        own = client.getsockname()[1]
        for start in range(0, len(users), WINDOW):
            missing = {number: request(kind, number, own) for number in users[start:start + WINDOW]}
            while missing:
                for message in missing.values():
                    client.send(message)
                try:
                    while missing:
                        answer = client.recv(65_536)
                        number = int(re.search(rb"branch=z9hG4bK(\d+)", answer).group(1))
                        if answer.startswith(b"SIP/2.0 200"):
                            missing.pop(number, None)
                        elif not answer.startswith(b"SIP/2.0 503"):
                            raise SystemExit(f"the server said {answer.decode()}")
                except TimeoutError:
                    pass


def measure(kind: str, count: int, ito: Path, library: Path) -> tuple[float, float, float, float]:
    """Bytes of heap and of PSS for each binding; seconds from the start to the last binding from the data base, and PSS then."""
    with tempfile.TemporaryDirectory(prefix="itodenwa-bindings-") as name:
        server = Server(ito, Path(name), library, "--memory")
        # What the first requests make, and keep, is not of the bindings.
        register(server, kind, FIRST)
        time.sleep(DRAIN)
        live, pss = server.heap(), server.pss()
        register(server, kind, range(count))
        time.sleep(DRAIN)
        live, pss = (server.heap() - live) / count, (server.pss() - pss) / count
        server.stop()
    with tempfile.TemporaryDirectory(prefix="itodenwa-bindings-") as name:
        server = Server(ito, Path(name), library)
        empty = server.pss()
        register(server, kind, range(count))
        # What waits to be written is written before it ends.
        server.stop()
        server = Server(ito, Path(name), library)
        while f"{count} bindings are back" not in server.log.read_text():
            if time.monotonic() - server.started > RELOAD_LIMIT or server.process.poll() is not None:
                raise SystemExit(f"the bindings did not come back:\n{server.log.read_text()[-2000:]}")
            time.sleep(0.02)
        seconds = time.monotonic() - server.started
        grown = (server.pss() - empty) / count
        server.stop()
    return live, pss, seconds, grown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--ito", type=Path, default=ROOT / ".build/release/ito")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md too")
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help="plain, full")
    options = parser.parse_args()
    lines = [BEGIN, "", f"{options.count:,} bindings.", "",
             "| binding | live heap, B each (goal: 600) | growth of PSS, B each (goal: 900) | from SQLite, s (goal: 10) | PSS after that, B each |",
             "| --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory(prefix="itodenwa-heap-") as folder:
        library = heap.library(Path(folder))
        for kind in options.kinds:
            live, pss, seconds, grown = measure(kind, options.count, options.ito, library)
            lines.append(f"| {kind}: {KINDS[kind]} | {live:.0f} | {pss:.0f} | {seconds:.1f} | {grown:.0f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    part = "\n".join([*lines, "", END])
    print(part)
    if options.write:
        table.replace(ROOT / "docs" / "performance.md", part, BEGIN, END)


main()
