#!/usr/bin/env python3
"""Judges speech quality: prints the PESQ score (ITU-T P.862.1, narrow band, 1.0 to 4.549) of a recording against its reference.

usage: pesq_score.py reference.wav degraded.wav

Both are mono, 16 bit, 8 kHz (or 16 kHz). The degraded one may begin later and be longer: PESQ aligns them.
"""
import sys

import pesq

from wav import read


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    rate, reference = read(sys.argv[1])
    other_rate, degraded = read(sys.argv[2])
    if rate != other_rate:
        sys.exit(f"the rates differ: {rate} and {other_rate} Hz")
    print(f"{pesq.pesq(rate, reference, degraded, 'nb'):.3f}")


main()
