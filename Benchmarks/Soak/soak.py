"""Loads a server in turns and compares what it holds after each, when all has drained: see README.md."""
import argparse
import json
import tempfile
import time
from pathlib import Path

import load
from server import Server

# After its last message a transaction lives for 32 s (64 times T1, RFC 3261 §17); when lanes have rested for 35 s, which is looked at
# each 5 s, the server gives back what it has freed. What is there later, stays.
DRAIN = 46.0
# The shortest load of a turn: before it is as long as a transaction lives, the most there is at once has not been there.
SHORTEST = 35.0
# Turns of load after the first, which fills caches and the heap.
TURNS = 3
# What the live heap may have grown by, in bytes for an hour …
SLOPE = 1 << 20
# … and in any case: caches that the first turn has not filled.
NOISE = 512 << 10
# What the memory may have grown by: the allocator keeps pieces of pages, so that it breathes by megabytes while the live heap stays.
BREATH = 4 << 20
# Descriptors that a look may find in use for a moment, as for a file that is being written.
SPARE_DESCRIPTORS = 2


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--ito", required=True)
    options.add_argument("--minutes", type=float, default=45.0)
    options.add_argument("--turns", type=int, default=TURNS, help="turns behind the first")
    options.add_argument("--scale", type=float, default=1.0, help="factor of all rates")
    arguments = options.parse_args()
    turn = arguments.minutes * 60 / (arguments.turns + 1) - DRAIN
    if turn < SHORTEST:
        least = (SHORTEST + DRAIN) * (arguments.turns + 1) / 60
        raise SystemExit(f"{arguments.minutes} minutes are too short: {least:.1f} is the least")
    with tempfile.TemporaryDirectory(prefix="itodenwa-soak-") as folder:
        server = Server(arguments.ito, Path(folder))
        try:
            problems, looks = soak(server, arguments.turns, turn, arguments.scale)
        finally:
            status = server.stop()
        hours = (looks[-1]["time"] - looks[0]["time"]) / 3600
        judged = Server.growth(looks[0], looks[-1], max(NOISE, SLOPE * hours), BREATH, SPARE_DESCRIPTORS)
        if status:
            judged.append(f"the server ended with status {status}:\n{server.tail()}")
    for problem in judged:
        print(f"soak: {problem}", flush=True)
    return 1 if problems or judged else 0


def soak(server: Server, turns: int, turn: float, scale: float) -> tuple[list[str], list[dict]]:
    """The turns, and a look at the server behind each."""
    problems, looks = [], []
    for number in range(turns + 1):
        before = server.processor_time()
        found = load.together(server, number, turn, scale)
        share = (server.processor_time() - before) / turn
        for problem in found:
            print(f"soak: {problem}", flush=True)
        problems += found
        time.sleep(DRAIN)
        looks.append({"turn": number, "time": time.monotonic(), "of_a_core": round(share, 2), "reloads": server.reloads, "problems": len(problems)} | server.holdings())
        print(json.dumps(looks[-1]), flush=True)
    return problems, looks


if __name__ == "__main__":
    raise SystemExit(main())
