"""How long ours and Kamailio take to answer at half of what they can do, over UDP."""
import dataclasses
import statistics

from measurement import DISTURBANCE_LIMIT, measure, saturate
from rows import ROWS, Row
from servers import start_kamailio, start_ours, temporary_folders

BEGIN, END = "<!-- latency: begin; rewritten by script/bench -->", "<!-- latency: end -->"
# The rows whose work is measured.
KEYS = ("options", "register", "call")
# Operations under way at a time while the capacity is looked for: enough that a server is never without work.
CONCURRENCY = {"options": 256, "register": 256, "call": 64}
# How long that takes, in seconds.
SEARCH = 3
PERCENTILES = ("p50_us", "p99_us", "p999_us")


@dataclasses.dataclass(frozen=True)
class Result:
    """One server under one load: its name, operations in a second, and the medians of the percentiles in µs."""

    server: str
    rate: int
    percentiles: list[float]
    lost: int


def capacity(start, row: Row, program: list[str]) -> tuple[float, float]:
    """Operations in a second as fast as answers come, and the share of a core that they take."""
    with start() as server:
        return saturate(server, row, program, SEARCH, CONCURRENCY[row.key])


def at(start, name: str, row: Row, rate: int, program: list[str], duration: int, repetitions: int, attempts: int, say) -> Result:
    """The percentiles at a rate: of each run the least disturbed of its attempts counts, of these the median."""
    paced = dataclasses.replace(row, rate=rate)
    runs = []
    for _ in range(repetitions):
        best = None
        for _ in range(attempts):
            with start() as server:
                run = measure(server, paced, program, duration)
            if best is None or run["disturbance"] < best["disturbance"]:
                best = run
            if best["disturbance"] <= DISTURBANCE_LIMIT:
                break
        runs.append(best)
    values = [statistics.median(run[key] for run in runs) for key in PERCENTILES]
    say(f"  {name:9} at {rate:7,}: p50 {values[0]:.0f} µs, p99 {values[1]:.0f} µs, p99.9 {values[2]:.0f} µs")
    return Result(name, rate, values, sum(run["failed"] + run["drops"] for run in runs))


def compare(ito: str, program: list[str], duration: int, repetitions: int, attempts: int, say) -> list[tuple[Row, dict[str, tuple[float, float]], list[Result]]]:
    """For each row the capacities, and the percentiles at half of each server's own; ours at Kamailio's rate too."""
    found = []
    for row in (row for row in ROWS if row.key in KEYS):
        with temporary_folders() as folder:
            starts = {
                "ito": lambda: start_ours(row, ito, [], folder()), "kamailio": lambda: start_kamailio(row, folder()),
            }
            capacities = {name: capacity(start, row, program) for name, start in starts.items()}
            say(f"Latency of {row.title}: " + ", ".join(
                f"{name} does {most:,.0f} a second on {share:.0%} of a core" for name, (most, share) in capacities.items()))
            half = {name: max(1, int(most / 2)) for name, (most, _) in capacities.items()}
            cases = [("ito", half["ito"]), ("kamailio", half["kamailio"]), ("ito", half["kamailio"])]
            found.append((row, capacities, [
                at(starts[name], name, row, rate, program, duration, repetitions, attempts, say) for name, rate in cases]))
    return found


def render(found: list[tuple[Row, dict[str, tuple[float, float]], list[Result]]]) -> str:
    """The marked part."""
    names = {"ito": "ours", "kamailio": "Kamailio"}
    lines = [BEGIN, "", "| work | server | as fast as it answers, per second (of a core) | load, per second | p50, ms | p99, ms | p99.9, ms | failed or dropped |",
             "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row, capacities, results in found:
        for result in results:
            figures = " | ".join(f"{value / 1000:.2f}" for value in result.percentiles)
            most, share = capacities[result.server]
            lines.append(f"| {row.title} | {names[result.server]} | {most:,.0f} ({share:.0%}) | {result.rate:,} | {figures} "
                         f"| {result.lost} |")
    return "\n".join([*lines, "", END])
