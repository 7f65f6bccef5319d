"""Judges what is heard through each codec and each kind of network, and rewrites the tables and drawings of docs/quality.md.

usage: quality.py --benchmark PROGRAM [--seeds 20] [--jobs 2] [--variant NAME]... [--no-write]

The program is QualityBenchmark of Benchmarks/. Needs espeak-ng, sox, and the Python packages numpy and pesq (script/setup --tests).
Prints a line of JSON for each cell. Exit status 1 when a goal is missed.
"""
import argparse
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import pesq

BEGIN, END = "<!-- quality: begin; rewritten by script/quality -->", "<!-- quality: end -->"
ROOT = Path(__file__).resolve().parents[2]
TEXT = ("The string between two tin cans carries a voice across the garden. "
        "She counted seven boats on the quiet river before the rain began.")
# A packet is made when its last sample has been said: so much is between mouth and the packet's departure.
PACKET_TIME = 20
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
    program, clip, folder, seeds, first, variants = job
    command = [program, str(clip), str(folder), str(seeds), str(first), *variants]
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
    falls = {}
    for variant in ("opus+fec", "opus+red"):
        if (variant, "loss 5 %") in cells:
            # The best cell is one in which the delay was never brought down, which costs a little too.
            best = max(cell["mos"] for (name, _), cell in cells.items() if name == variant)
            falls[variant] = best - cells[variant, "loss 5 %"]["mos"]
    if falls:
        text = " and ".join(f"{variant} {fall:.2f}" for variant, fall in falls.items())
        results.append((f"Opus at 5 % loss: {text} below its best cell; one at most 0.35", min(falls.values()) <= 0.35))
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
    page = folder / "quality.md"
    text = page.read_text()
    head, tail = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(text[:head] + "\n" + "\n".join(parts).rstrip() + "\n" + text[tail:])


REFERENCES: dict[int, numpy.ndarray] = {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--variant", action="append", default=[])
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="itodenwa-quality-") as name:
        folder = Path(name)
        clip = make_clip(folder)
        for rate in (8000, 16000):
            REFERENCES[rate] = reference(clip, rate)
        cells: dict[tuple[str, str], list[dict]] = {}
        # Forked once the references are there.
        with multiprocessing.get_context("fork").Pool(options.jobs) as pool:
            jobs = [(options.benchmark, clip, folder, 1, seed, options.variant) for seed in range(1, options.seeds + 1)]
            for runs in pool.imap_unordered(simulate, jobs):
                impairments = list(dict.fromkeys(run["impairment"] for run in runs))
                for run in runs:
                    place = impairments.index(run["impairment"])
                    run["file"] = str(folder / f"{run['variant']}-{place}-{run['seed']}.raw")
                for run in pool.imap_unordered(judge, runs, chunksize=4):
                    cells.setdefault((run["variant"], run["impairment"]), []).append(run)
                variants = list(dict.fromkeys(run["variant"] for run in runs))
                print(f"seed {runs[0]['seed']} is judged", file=sys.stderr)
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
