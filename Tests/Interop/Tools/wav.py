"""Reads WAV files for the tools of this folder."""
import wave

import numpy


def read(path: str) -> tuple[int, numpy.ndarray]:
    """Gives the rate in Hz and the samples (int16) of a mono file with 16 bits a sample."""
    with wave.open(path, "rb") as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            raise SystemExit(f"{path} is not mono with 16 bits")
        return file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
