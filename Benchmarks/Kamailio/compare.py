#!/usr/bin/env python3
"""Measures ours and Kamailio in turn under the same load, and writes the table of docs/performance.md.

For each row both servers are started afresh, one after the other, several times over (A B A B …), and get the same number of
operations in a second from `ito load`. What counts is the processor time of the whole server, all its threads and processes, for
each operation: at a fixed rate it does not depend on how quick the machine's other half is. Time that a server takes when nobody asks
it anything is measured before and left out; work that it puts off, such as writing to a data base, is waited for and counted.
"""
import argparse
import json
import sys
from pathlib import Path

import lanes
import latency
import table
from measurement import ATTEMPTS, calm
from processes import Server
from rows import ROWS, Row
from servers import start_kamailio, start_ours, temporary_folders

# The names of the part that measures ours alone and of that at half load, beside those of the rows.
LANES, LATENCY = "lanes", "latency"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "performance.md"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(row: Row, which: str, options: argparse.Namespace) -> dict:
    """Starts one of the two servers, measures it and stops it."""
    users = [f"load{number}" for number in range(row.users)]
    with temporary_folders() as folder:
        def start() -> Server:
            return start_kamailio(row, folder()) if which == "kamailio" else start_ours(row, options.ito, users, folder())
        result = calm(start, row, options.load, options.duration, attempts=options.attempts)
    say(f"  {which:9} {result['cpu_per_operation'] * 1e6:8.2f} µs an operation, {result['operations']} operations, "
        f"{result['failed']} failed, {result['drops']} dropped, p99 {result['p99_us'] / 1000:.2f} ms")
    return result | {"row": row.key}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ito", required=True, type=lambda path: str(Path(path).resolve()), help="the executable that is measured and makes the load")
    parser.add_argument("--rows", default=",".join([row.key for row in ROWS] + [LANES, LATENCY]), help="some of: %(default)s")
    parser.add_argument("--duration", type=int, default=6, help="seconds of load in each run (%(default)s)")
    parser.add_argument("--repetitions", type=int, default=5, help="runs of each server for a row (%(default)s)")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="a disturbed run is made up to so many times (%(default)s)")
    parser.add_argument("--only", choices=["ito", "kamailio"], help="measure one of the two, and write no table")
    parser.add_argument("--load", help="another load generator with the arguments of `ito load`")
    parser.add_argument("--no-write", action="store_true", help="print the table instead of writing it")
    options = parser.parse_args()
    options.load = [options.load] if options.load else [options.ito, "load"]
    known, wanted = {row.key: row for row in ROWS}, options.rows.split(",")
    parts = [LANES, LATENCY]
    unknown = [key for key in wanted if key not in known and key not in parts]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join([*known, *parts])}")
    options.lanes, options.latency = LANES in wanted, LATENCY in wanted
    options.rows = [known[key] for key in wanted if key not in parts]
    return options


def main() -> None:
    options = arguments()
    servers = [options.only] if options.only else ["ito", "kamailio"]
    results = []
    for row in options.rows:
        say(f"{row.title}, {row.transport.upper()}: {row.rate} a second")
        runs = [run(row, which, options) for _ in range(options.repetitions) for which in servers]
        for measured in runs:
            print(json.dumps(measured), flush=True)
        results.append((row, [r for r in runs if r["server"] == "ito"], [r for r in runs if r["server"] == "kamailio"]))
    if options.only:
        return
    parts = [(table.render(results, options.duration, options.repetitions), table.BEGIN, table.END)] if results else []
    if options.lanes:
        measured = lanes.compare(options.ito, options.load, options.duration, options.repetitions, options.attempts, say)
        parts.append((lanes.render(measured), lanes.BEGIN, lanes.END))
    if options.latency:
        measured = latency.compare(options.ito, options.load, options.duration, options.repetitions, options.attempts, say)
        parts.append((latency.render(measured), latency.BEGIN, latency.END))
    for part, begin, end in parts:
        if options.no_write:
            print(part)
        else:
            table.replace(DOCUMENT, part, begin, end)
            say("docs/performance.md holds a new table")


if __name__ == "__main__":
    main()
