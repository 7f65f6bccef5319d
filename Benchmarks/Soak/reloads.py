"""Reads certificate and configuration again, thousands of times, and looks whether that keeps anything: see README.md.

    reloads.py --ito PATH [--count 10000]
"""
import argparse
import json
import tempfile
import time
from pathlib import Path

from server import Server

# The reloads before the first look fill caches and the heap.
WARM_UP = 1_000
# What one look may differ from another, in bytes: of live heap, a few for each reload and no object, and of memory, where the allocator
# keeps pieces of pages.
NOISE = 256 << 10
BREATH = 2 << 20
# Descriptors that a look may find in use for a moment, as for a file that is being written.
SPARE_DESCRIPTORS = 0
# Seconds without reloads before a look: Swift's threads that have nothing to do end after five, and what each has kept for its next
# job, a hundred bytes or two for each reload, goes with them.
REST = 15.0
# What the server says when a reload is done.
DONE = b"configuration: changed"
# How long one reload may take, in seconds.
LIMIT = 20.0


def reload(server: Server, log: Path) -> None:
    """One reload, and its end."""
    seen = log.stat().st_size
    server.reload()
    end = time.monotonic() + LIMIT
    with log.open("rb") as lines:
        lines.seek(seen)
        news = b""
        while DONE not in news:
            if time.monotonic() > end:
                raise SystemExit(f"a reload took longer than {LIMIT} s:\n{server.tail()}")
            more = lines.read()
            news += more
            if not more:
                time.sleep(0.001)


def look(server: Server, number: int) -> dict:
    """What the server holds."""
    time.sleep(REST)
    found = {"reloads": number} | server.holdings()
    print(json.dumps(found), flush=True)
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ito", required=True)
    options.add_argument("--count", type=int, default=10_000)
    arguments = options.parse_args()
    warm_up = min(WARM_UP, arguments.count // 5)
    with tempfile.TemporaryDirectory(prefix="itodenwa-reloads-") as folder:
        server = Server(arguments.ito, Path(folder))
        try:
            looks = []
            for number in range(1, arguments.count + 1):
                reload(server, Path(folder) / "server.log")
                if number == warm_up or number % max(1, arguments.count // 5) == 0:
                    looks.append(look(server, number))
        finally:
            status = server.stop()
    problems = Server.growth(looks[0], looks[-1], NOISE, BREATH, SPARE_DESCRIPTORS)
    if status:
        problems.append(f"the server ended with status {status}")
    for problem in problems:
        print(f"reloads: {problem}", flush=True)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
