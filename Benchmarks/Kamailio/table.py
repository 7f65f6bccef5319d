"""Writes the results as a table into a marked part of a document."""
import datetime
import os
import platform
import re
import statistics
import subprocess
from pathlib import Path

from certificates import SUITE, VERSION
from rows import Row

BEGIN, END = "<!-- bench: begin; rewritten by script/bench -->", "<!-- bench: end -->"


def microseconds(values: list[float]) -> str:
    """Median and range of processor times in seconds."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle * 1e6:.1f} ({low * 1e6:.1f} to {high * 1e6:.1f})"


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Ours over theirs, by medians: the one run that a busy neighbour spoiled does not count."""
    return statistics.median(ours) / statistics.median(theirs)


def disturbances(results: list[tuple[Row, list[dict], list[dict]]]) -> str:
    """Median and most of what others had of the processors, of all runs."""
    shares = [run["disturbance"] for _, ours, theirs in results for run in ours + theirs]
    return f"median {statistics.median(shares):.0%}, most {max(shares):.0%}"


def line(row: Row, ours: list[dict], theirs: list[dict]) -> str:
    """One row of the table."""
    def times(runs): return [run["cpu_per_operation"] for run in runs]
    def latency(runs): return f"{statistics.median(run['p99_us'] for run in runs) / 1000:.2f}"
    lost = sum(run["failed"] + run["drops"] for run in ours), sum(run["failed"] + run["drops"] for run in theirs)
    return (f"| {row.title} | {row.transport.upper()} | {row.rate:,} | {microseconds(times(ours))} | {microseconds(times(theirs))} | "
            f"{ratio(times(ours), times(theirs)):.2f} | {latency(ours)} / {latency(theirs)} | {lost[0]} / {lost[1]} |")


def render(results: list[tuple[Row, list[dict], list[dict]]], duration: int, repetitions: int) -> str:
    """The whole marked part."""
    processor = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    kamailio = subprocess.run(["kamailio", "-v"], capture_output=True, text=True).stdout.split("\n")[0]
    head = [
        BEGIN,
        "",
        f"{datetime.date.today()}, {os.cpu_count()} cores of {processor.group(1) if processor else platform.machine()}, "
        f"Linux {'.'.join(platform.release().split('.')[:2])}; {kamailio.removeprefix('version: ').strip()}; {repetitions} times {duration} s each, in turn. "
        "Processor time of all threads and processes of the server, user and kernel, for each operation: "
        f"median (least to most), in µs. TLS and WSS: {VERSION} with {SUITE} on both sides, the same certificate (ECDSA, P-256). "
        f"What the host and other programs had of the processors in a run: {disturbances(results)}.",
        "",
        "| work | by | per second | ours | Kamailio | ratio | p99 latency, ms, ours / Kamailio | failed or dropped |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join(head + [line(*result) for result in results] + ["", END])


def replace(document: Path, part: str, begin: str = BEGIN, end: str = END) -> None:
    """Puts the part where its markers are, or at the end of the document when it has none."""
    text = document.read_text() if document.exists() else "# Performance\n"
    if begin in text and end in text:
        before, _, rest = text.partition(begin)
        text = before + part + rest.partition(end)[2]
    else:
        text = text.rstrip("\n") + "\n\n" + part + "\n"
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(text)
