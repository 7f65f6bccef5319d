#!/usr/bin/env python3
"""Finds sentences in a recording and judges each; prints a JSON array with one object for each sentence.

usage: speech_quality.py recording.wav sentence.wav...

  begin        where the sentence begins in the recording, in seconds; negative when its start is missing there
  correlation  of the part that both have: 1.0 is the same sound, whatever its level
  gaps         stretches of 20 ms in which the sentence sounds and the recording is silent
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
# A sentence sounds where it is above -40 dBFS, the recording is silent where it is below -66 dBFS.
SOUNDING, SILENT = 0.01, 0.0005


def windows(samples: numpy.ndarray) -> numpy.ndarray:
    """The RMS of successive windows of 20 ms."""
    length = RATE // 50
    whole = len(samples) // length * length
    return numpy.sqrt(numpy.mean(samples[:whole].reshape(-1, length) ** 2, axis=1))


def judge(recording: numpy.ndarray, path: str) -> dict:
    rate, sentence = read(path)
    if rate != RATE:
        sys.exit(f"{path} has {rate} Hz")
    sentence = sentence / FULL_SCALE
    products = scipy.signal.correlate(recording, sentence, mode="full", method="fft")
    lag = int(numpy.argmax(products)) - (len(sentence) - 1)
    start, end = max(lag, 0), min(lag + len(sentence), len(recording))
    heard, spoken = recording[start:end], sentence[start - lag : end - lag]
    energy = numpy.linalg.norm(heard) * numpy.linalg.norm(spoken)
    gaps = (windows(spoken) > SOUNDING) & (windows(heard) < SILENT)
    return {
        "begin": lag / RATE,
        "correlation": float(heard @ spoken / energy) if energy > 0 else 0.0,
        "gaps": int(numpy.count_nonzero(gaps)),
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
