#!/usr/bin/env python3
"""Finds sentences in a recording and judges each; prints a JSON array with one object for each sentence.

usage: speech_quality.py recording.wav sentence.wav...

  begin        where the sentence begins in the recording, in seconds; negative when its start is missing there
  correlation  mean of the stretches of 200 ms, weighed by their energy, each where it fits best within 120 ms, since a buffer draws out
               and cuts pauses: 1.0 is the same sound, whatever its level
  missing      stretches of 200 ms that sound in the sentence and are not in the recording: their correlation is below 0.4
  pesq         ITU-T P.862.1, narrow band, 1.0 to 4.549

All are mono with 16 bits; the sentences have 8 kHz, and the recording is brought to that.
"""
import json
import math
import sys

import numpy
import pesq
import scipy.signal

from wav import read

RATE = 8000
FULL_SCALE = 32768.0
# A stretch sounds where it is above -40 dBFS, and is missing where nothing near it is like it.
SOUNDING, UNLIKE = 0.01, 0.4
STRETCH, AROUND = RATE // 5, RATE * 120 // 1000


def likeness(stretch: numpy.ndarray, around: numpy.ndarray) -> float:
    """The highest correlation of a stretch with any part of what is around its place."""
    products = numpy.correlate(around, stretch, mode="valid")
    squares = numpy.concatenate(([0.0], numpy.cumsum(around**2)))
    energies = squares[len(stretch) :] - squares[: -len(stretch)]
    scale = numpy.sqrt(numpy.maximum(energies, 1e-9)) * numpy.linalg.norm(stretch)
    return float(numpy.max(products / scale))


def judge(recording: numpy.ndarray, path: str) -> dict:
    rate, sentence = read(path)
    if rate != RATE:
        sys.exit(f"{path} has {rate} Hz")
    sentence = sentence / FULL_SCALE
    products = scipy.signal.correlate(recording, sentence, mode="full", method="fft")
    lag = int(numpy.argmax(products)) - (len(sentence) - 1)
    # What lies before or behind the recording is missing.
    margin = len(sentence) + AROUND
    padded = numpy.pad(recording, margin)
    likenesses, energies, missing = [], [], 0
    for start in range(0, len(sentence) - STRETCH + 1, STRETCH):
        stretch = sentence[start : start + STRETCH]
        energy = float(stretch @ stretch)
        if energy == 0:
            continue
        place = margin + lag + start
        alike = likeness(stretch, padded[place - AROUND : place + STRETCH + AROUND])
        likenesses.append(alike)
        energies.append(energy)
        if energy > STRETCH * SOUNDING**2 and alike < UNLIKE:
            missing += 1
    heard = recording[max(lag, 0) : min(lag + len(sentence), len(recording))]
    return {
        "begin": lag / RATE,
        "correlation": float(numpy.average(likenesses, weights=energies)),
        "missing": missing,
        "pesq": float(pesq.pesq(RATE, sentence, heard, "nb", on_error=pesq.PesqError.RETURN_VALUES)),
    }


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    rate, recording = read(sys.argv[1])
    shared = math.gcd(rate, RATE)
    recording = scipy.signal.resample_poly(recording / FULL_SCALE, RATE // shared, rate // shared)
    print(json.dumps([judge(recording, path) for path in sys.argv[2:]]))


main()
