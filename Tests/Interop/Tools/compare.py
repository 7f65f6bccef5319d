#!/usr/bin/env python3
"""Finds a reference in a recording and compares the two; prints one JSON object.

usage: compare.py reference.wav recording.wav

  lag          where the reference begins in the recording, in samples; negative when its start is missing there
  correlation  of the part that both have, at that lag: 1.0 is the same sound, whatever its level
  overlap      length of that part, in samples
  level        of the recording over the reference in that part, in dB
  rms          of the whole recording, as a part of full scale
  gaps         stretches of 20 ms or more in which the reference sounds and the recording is silent
"""
import json
import sys

import numpy
import scipy.signal

from wav import read

FULL_SCALE = 32768.0
# The reference sounds where it is above -40 dBFS, the recording is silent where it is below -66 dBFS.
SOUNDING, SILENT = 0.01, 0.0005


def windows(samples: numpy.ndarray, length: int) -> numpy.ndarray:
    """The RMS of successive windows."""
    whole = len(samples) // length * length
    return numpy.sqrt(numpy.mean(samples[:whole].reshape(-1, length) ** 2, axis=1))


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rate, reference = read(sys.argv[1])
    other_rate, recording = read(sys.argv[2])
    if rate != other_rate:
        sys.exit(f"the rates differ: {rate} and {other_rate} Hz")
    reference, recording = reference / FULL_SCALE, recording / FULL_SCALE
    if len(recording) == 0:
        sys.exit(f"{sys.argv[2]} is empty")
    products = scipy.signal.correlate(recording, reference, mode="full", method="fft")
    lag = int(numpy.argmax(products)) - (len(reference) - 1)
    start, end = max(lag, 0), min(lag + len(reference), len(recording))
    heard, spoken = recording[start:end], reference[start - lag : end - lag]
    energy = numpy.linalg.norm(heard) * numpy.linalg.norm(spoken)
    window = rate // 50
    gaps = (windows(spoken, window) > SOUNDING) & (windows(heard, window) < SILENT)
    print(json.dumps({
        "lag": lag,
        "correlation": float(heard @ spoken / energy) if energy > 0 else 0.0,
        "overlap": end - start,
        "level": float(20 * numpy.log10(numpy.linalg.norm(heard) / numpy.linalg.norm(spoken))) if energy > 0 else None,
        "rms": float(numpy.sqrt(numpy.mean(recording**2))),
        "gaps": int(numpy.count_nonzero(gaps)),
    }))


main()
