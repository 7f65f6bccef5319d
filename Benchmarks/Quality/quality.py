"""Judges what is heard through each codec and each kind of network, and rewrites the tables and drawings of docs/quality.md.

usage: quality.py --benchmark PROGRAM [--seeds 20] [--jobs 2] [--variant NAME]... [--network NAME]... [--peer baresip] [--at-once 32]
           [--no-write]

The program is QualityBenchmark of Benchmarks/. Needs espeak-ng, sox, and the Python packages numpy and pesq (script/setup --tests).
With --peer, baresip hears the same packets in real time, so many at once (peer.py), and what is rewritten is the comparison; it
needs the Python packages scipy and baresip-python too. Prints a line of JSON for each cell. Exit status 1 when a goal is missed.
"""
import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy
import pesq

import peer

BEGIN, END = "<!-- quality: begin; rewritten by script/quality -->", "<!-- quality: end -->"
PEER_BEGIN, PEER_END = "<!-- peer: begin; rewritten by script/quality --peer baresip -->", "<!-- peer: end -->"
ROOT = Path(__file__).resolve().parents[2]
TEXT = ("The string between two tin cans carries a voice across the garden. "
        "She counted seven boats on the quiet river before the rain began.")
# A packet is made when its last sample has been said: so much is between mouth and the packet's departure.
PACKET_TIME = 20
# Differences of the score up to this are none, however sure: decoders differ by as much.
HEARABLE = 0.03
# The same of R, of which a point is as much as 40 ms of a delay that is short.
HEARABLE_RATING = 1.0
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b"]


def make_clip(folder: Path) -> Path:
    raw, clip = folder / "raw.wav", folder / "clip.wav"
    subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", raw, TEXT], check=True)
    effects = ["gain", "-n", "-3", "pad", "0.3", "0.7"]
    subprocess.run(["sox", "-D", raw, "-r", "16000", "-c", "1", "-b", "16", clip, *effects], check=True)
    return clip


def reference(clip: Path, rate: int) -> numpy.ndarray:
    command = ["sox", "-D", str(clip), "-r", str(rate), "-c", "1", "-b", "16", "-e", "signed", "-t", "raw", "-"]
    return numpy.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, dtype=numpy.int16)


def delay(said: numpy.ndarray, heard: numpy.ndarray, rate: int) -> float:
    """Where what was said is found in what was heard, in ms."""
    size = 1 << (len(said) + len(heard)).bit_length()
    product = numpy.fft.rfft(heard.astype(float), size) * numpy.conj(numpy.fft.rfft(said.astype(float), size))
    likeness = numpy.fft.irfft(product, size)[: rate // 2]
    return float(numpy.argmax(likeness)) * 1000 / rate


def judge(run: dict) -> dict:
    """Adds the score and the delay of the file of a run, which it removes."""
    heard = numpy.fromfile(run["file"], dtype=numpy.int16)
    said = REFERENCES[run["rate"]]
    wide = run["rate"] == 16000
    try:
        run["mos"] = float(pesq.pesq(run["rate"], said, heard, "wb" if wide else "nb"))
    except pesq.PesqError:
        run["mos"] = 1.0
    run["delay"] = delay(said, heard, run["rate"]) + PACKET_TIME
    Path(run["file"]).unlink()
    return run


def simulate(job: tuple) -> list[dict]:
    program, clip, folder, seeds, first, words = job
    command = [program, str(clip), str(folder), str(seeds), str(first), *words]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


def summary(runs: list[dict]) -> dict:
    def mean(key): return statistics.fmean(run[key] for run in runs)
    cell = {key: runs[0][key] for key in ("variant", "impairment", "rate")}
    cell["runs"] = len(runs)
    for key in ("mos", "delay", "rating", "score", "lost", "late", "concealed", "concealedLater", "restored", "recovered",
                "octetsPerSecond"):
        cell[key] = round(mean(key), 3)
    cell["mos_least"] = round(min(run["mos"] for run in runs), 3)
    cell["delay_most"] = round(max(run["delay"] for run in runs), 1)
    recoveries = [run["recovery"] for run in runs if run.get("recovery") is not None]
    if recoveries:
        cell["recovery"] = round(statistics.fmean(recoveries))
        cell["recovery_most"] = round(max(recoveries))
    return cell


def table(cells: dict, variants: list[str], impairments: list[str], text) -> str:
    lines = ["| | " + " | ".join(variants) + " |", "| --- |" + " ---: |" * len(variants)]
    for impairment in impairments:
        values = [text(cells[variant, impairment]) for variant in variants]
        lines.append(f"| {impairment} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def drawing(title: str, label: str, places: list[str], curves: dict[str, list[float]], low: float, high: float) -> str:
    """An SVG of one curve for each variant."""
    width, height, left, top, bottom = 640, 320, 60, 30, 50
    def x(index): return left + index * (width - left - 130) / max(1, len(places) - 1)
    def y(value): return top + (height - top - bottom) * (high - min(max(value, low), high)) / (high - low)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             f'<text x="{left}" y="18" font-size="14">{title}</text>',
             f'<text x="14" y="{height / 2}" transform="rotate(-90 14 {height / 2})" text-anchor="middle">{label}</text>']
    for step in range(5):
        value = low + (high - low) * step / 4
        parts.append(f'<line x1="{left}" x2="{x(len(places) - 1):.0f}" y1="{y(value):.0f}" y2="{y(value):.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(value) + 4:.0f}" text-anchor="end">{value:g}</text>')
    for index, place in enumerate(places):
        parts.append(f'<text x="{x(index):.0f}" y="{height - bottom + 20}" text-anchor="middle">{place}</text>')
    for index, (name, values) in enumerate(curves.items()):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{x(len(places) - 1) + 12:.0f}" y="{top + 16 + 18 * index}" fill="{colour}">{name}</text>')
    return "\n".join(parts + ["</svg>", ""])


def goals(cells: dict) -> list[tuple[str, bool]]:
    """What is promised, as far as these cells tell."""
    results = []
    if ("opus+red", "loss 5 %") in cells and ("opus+red", "clean") in cells:
        fall = {name: cells[name, "clean"]["mos"] - cells[name, "loss 5 %"]["mos"] for name in ("opus+red", "opus+fec") if (name, "clean") in cells}
        text = f"Opus at 5 % loss, as calls send it (opus+red): {fall['opus+red']:.2f} below the clean cell, at most 0.35"
        if "opus+fec" in fall:
            text += f" (by in-band FEC alone {fall['opus+fec']:.2f})"
        results.append((text, fall["opus+red"] <= 0.35))
    for (variant, impairment), cell in cells.items():
        if impairment == "jitter 60 ms":
            text = f"{variant} at 60 ms of jitter: {cell['concealedLater']:g} frames concealed behind the first second, none"
            results.append((text, cell["concealedLater"] == 0))
    return results


def write(cells: dict, variants: list[str], impairments: list[str], seeds: int) -> None:
    folder = ROOT / "docs"
    losses = [name for name in impairments if name == "clean" or name.startswith("loss")]
    jitters = [name for name in impairments if name == "clean" or name.startswith("jitter")]
    short = {"clean": "0 %"}
    curves = {variant: [cells[variant, loss]["mos"] for loss in losses] for variant in variants}
    (folder / "quality-loss.svg").write_text(
        drawing("Listening quality and loss at random", "MOS-LQO", [short.get(n, n[5:]) for n in losses], curves, 1, 4.6))
    curves = {variant: [cells[variant, name]["delay"] for name in jitters] for variant in variants}
    (folder / "quality-delay.svg").write_text(
        drawing("Mouth to ear and jitter", "ms", ["0 ms" if n == "clean" else n[7:] for n in jitters], curves, 0, 240))
    parts = [
        f"{seeds} runs a cell, {len(cells)} cells.", "",
        "MOS-LQO, mean and (least):", "",
        table(cells, variants, impairments, lambda c: f"{c['mos']:.2f} ({c['mos_least']:.2f})"), "",
        "Mouth to ear in ms, mean and (most):", "",
        table(cells, variants, impairments, lambda c: f"{c['delay']:.0f} ({c['delay_most']:.0f})"), "",
        "R of the E-model as the call itself tells it:", "",
        table(cells, variants, impairments, lambda c: f"{c['rating']:.0f}"), "",
        "Frames concealed, mean of a run, and (behind the first second):", "",
        table(cells, variants, impairments, lambda c: f"{c['concealed']:.1f} ({c['concealedLater']:.1f})"), "",
        "Octets of payload in a second:", "",
        table(cells, variants, impairments, lambda c: f"{c['octetsPerSecond']:,.0f}"), "",
    ]
    stalls = [name for name in impairments if any("recovery" in cells[variant, name] for variant in variants)]
    for name in stalls:
        values = ", ".join(f"{variant} {cells[variant, name]['recovery'] / 1000:.1f}" for variant in variants)
        parts += [f"Seconds from the end of a stall until the delay is back ({name}), mean of the longest of each run: {values}.", ""]
    parts += ["Goals:", ""] + [f"- {'met' if is_met else 'missed'}: {text}" for text, is_met in goals(cells)]
    rewrite(folder / "quality.md", BEGIN, END, "\n".join(parts))


def rewrite(page: Path, begin: str, end: str, text: str) -> None:
    """Puts a text between two marks of a page."""
    old = page.read_text()
    head, tail = old.index(begin) + len(begin), old.index(end)
    page.write_text(old[:head] + "\n" + text.rstrip() + "\n" + old[tail:])


@dataclass
class Comparison:
    """A cell of ours and the peer's, of the same packets: score, delay, and the difference of scores; each is a mean and the half
    width of its confidence interval of 95 %."""
    variant: str
    impairment: str
    runs: int
    ours: tuple[float, float]
    theirs: tuple[float, float]
    difference: tuple[float, float]
    our_delay: tuple[float, float]
    their_delay: tuple[float, float]
    rating_difference: tuple[float, float]

    def __init__(self, ours: list[dict], theirs: list[dict]):
        self.variant, self.impairment, self.runs = ours[0]["variant"], ours[0]["impairment"], len(ours)
        self.ours, self.theirs = (interval([run["mos"] for run in runs]) for runs in (ours, theirs))
        self.difference = interval([our["mos"] - their["mos"] for our, their in zip(ours, theirs)])
        self.rating_difference = interval([
            rating(our["mos"], our["delay"]) - rating(their["mos"], their["delay"]) for our, their in zip(ours, theirs)])
        self.our_delay, self.their_delay = (interval([run["delay"] for run in runs]) for runs in (ours, theirs))

    @property
    def verdict(self) -> str:
        """Worse is what is worse by the score or by R with the delay; better what is better by either, and worse by none."""
        signs = [0 if abs(mean) <= max(width, least) else mean
                 for (mean, width), least in ((self.difference, HEARABLE), (self.rating_difference, HEARABLE_RATING))]
        return "worse" if min(signs) < 0 else "better" if max(signs) > 0 else "even"

    @property
    def row(self) -> str:
        def scores(value): return f"{value[0]:.2f} ± {value[1]:.2f}"
        def times(value): return f"{value[0]:.0f} ± {value[1]:.0f}"
        return (f"| {self.impairment} | {self.variant} | {scores(self.ours)} | {scores(self.theirs)} | "
                f"{self.difference[0]:+.2f} ± {self.difference[1]:.2f} | "
                f"{times(self.our_delay)} | {times(self.their_delay)} | "
                f"{self.rating_difference[0]:+.1f} ± {self.rating_difference[1]:.1f} | {self.verdict} |")


def rating(score: float, delay: float) -> float:
    """R of the E-model for a score of listening and a delay in ms from mouth to ear: the R whose MOS the score is (ITU-T G.107 Annex B), less
    the impairment of the delay, in the short form 0.024 d + 0.11 (d - 177.3) for what is above 177.3 ms."""
    low, high = 6.5, 100.0
    for _ in range(40):
        middle = (low + high) / 2
        mos = 1 + 0.035 * middle + middle * (middle - 60) * (100 - middle) * 7e-6
        low, high = (middle, high) if mos < score else (low, middle)
    return low - 0.024 * delay - 0.11 * max(0.0, delay - 177.3)


def interval(values: list[float]) -> tuple[float, float]:
    """The mean, and half the width of its confidence interval of 95 % by Student's t."""
    from scipy.stats import t
    count = len(values)
    if count < 2:
        return statistics.fmean(values), 0
    return statistics.fmean(values), float(t.ppf(0.975, count - 1)) * statistics.stdev(values) / count ** 0.5


def compare(cells: dict, impairments: list[str], folder: Path, options: argparse.Namespace) -> int:
    """Lets the peer hear the packets of all runs, judges that, and writes both side by side; how many cells are worse."""
    pairs = []
    for runs in cells.values():
        for run in sorted(runs, key=lambda run: run["seed"]):
            name = f"{run['variant']}-{impairments.index(run['impairment'])}-{run['seed']}"
            seconds = 2 * len(REFERENCES[run["rate"]]) / run["rate"] + 0.5
            packets = peer.read_packets(folder / f"{name}.packets")
            pairs.append((run, peer.Hearing(name, run["variant"].split("+")[0], run["rate"], packets, seconds)))
    late, again = peer.hear([hearing for _, hearing in pairs], folder, options.at_once)
    theirs = []
    for run, hearing in pairs:
        rate, clip = run["rate"], len(REFERENCES[run["rate"]])
        their = {key: run[key] for key in ("variant", "impairment", "seed", "rate")}
        their["file"] = str(folder / f"{hearing.name}.raw")
        hearing.heard[clip: 2 * clip + rate // 2].tofile(their["file"])
        theirs.append(their)
    with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
        theirs = pool.map(judge, theirs, chunksize=4)
    comparisons = []
    for variant, impairment in cells:
        both = [(run, their) for (run, _), their in zip(pairs, theirs) if (run["variant"], run["impairment"]) == (variant, impairment)]
        comparisons.append(Comparison([run for run, _ in both], [their for _, their in both]))
    comparisons.sort(key=lambda cell: impairments.index(cell.impairment))
    for cell in comparisons:
        print(json.dumps(vars(cell) | {"verdict": cell.verdict}))
    worse = sum(cell.verdict == "worse" for cell in comparisons)
    if not options.no_write:
        write_comparison(comparisons, options, late, again)
    print(f"{len(comparisons) - worse} of {len(comparisons)} cells are not worse than baresip's", file=sys.stderr)
    return 1 if worse else 0


def write_comparison(comparisons: list[Comparison], options: argparse.Namespace, late: float, again: int) -> None:
    cells = {(cell.variant, cell.impairment): cell for cell in comparisons}
    losses = [name for name in dict.fromkeys(cell.impairment for cell in comparisons) if name == "clean" or name.startswith("loss")]
    curves = {}
    for variant in dict.fromkeys(cell.variant for cell in comparisons):
        if variant in ("pcmu", "opus+fec"):
            curves[variant] = [cells[variant, loss].ours[0] for loss in losses]
            curves[f"{variant}, baresip"] = [cells[variant, loss].theirs[0] for loss in losses]
    (ROOT / "docs" / "quality-peer.svg").write_text(
        drawing("The same packets through both", "MOS-LQO", ["0 %" if n == "clean" else n[5:] for n in losses], curves, 1, 4.6))
    count = {verdict: sum(cell.verdict == verdict for cell in comparisons) for verdict in ("better", "even", "worse")}
    parts = [
        f"{options.seeds} runs a cell, {len(comparisons)} cells: better in {count['better']}, even in {count['even']}, worse in "
        f"{count['worse']}. Packets were sent at most {late * 1000:.1f} ms late at the 99th percentile of a batch; "
        f"{again or 'no'} batches were later and heard again.", "",
        "| network | codec | MOS-LQO, ours | baresip | difference | mouth to ear in ms, ours | baresip | difference of R | verdict |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |", *[cell.row for cell in comparisons]]
    rewrite(ROOT / "docs" / "quality.md", PEER_BEGIN, PEER_END, "\n".join(parts))


REFERENCES: dict[int, numpy.ndarray] = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--variant", action="append", default=[])
    parser.add_argument("--peer", choices=["baresip"])
    parser.add_argument("--network", action="append", default=[])
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    if options.network and not options.no_write:
        parser.error("--network needs --no-write: a page has all networks")
    if options.peer:
        # baresip knows no RFC 2198: these packets would not be the same.
        variants = options.variant or ["pcmu", "g722", "opus", "opus+fec"]
        words = [*variants, "--packets"]
    else:
        words = options.variant
    with tempfile.TemporaryDirectory(prefix="itodenwa-quality-") as name:
        folder = Path(name)
        clip = make_clip(folder)
        for rate in (8000, 16000):
            REFERENCES[rate] = reference(clip, rate)
        cells: dict[tuple[str, str], list[dict]] = {}
        # Forked once the references are there.
        with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
            jobs = [(options.benchmark, clip, folder, 1, seed, words) for seed in range(1, options.seeds + 1)]
            for runs in pool.imap_unordered(simulate, jobs):
                impairments = list(dict.fromkeys(run["impairment"] for run in runs))
                for run in runs:
                    place = impairments.index(run["impairment"])
                    run["file"] = str(folder / f"{run['variant']}-{place}-{run['seed']}.raw")
                runs = [run for run in runs if not options.network or run["impairment"] in options.network]
                for run in pool.imap_unordered(judge, runs, chunksize=4):
                    cells.setdefault((run["variant"], run["impairment"]), []).append(run)
                variants = list(dict.fromkeys(run["variant"] for run in runs))
                print(f"seed {runs[0]['seed']} is judged", file=sys.stderr)
        if options.peer:
            sys.exit(compare(cells, impairments, folder, options))
    results = {key: summary(runs) for key, runs in cells.items()}
    for cell in results.values():
        print(json.dumps(cell))
    if not options.no_write:
        write(results, variants, impairments, options.seeds)
    outcome = goals(results)
    for text, is_met in outcome:
        print(f"{'met' if is_met else 'missed'}: {text}", file=sys.stderr)
    sys.exit(0 if all(is_met for _, is_met in outcome) else 1)


if __name__ == "__main__":
    main()
