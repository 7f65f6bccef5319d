#!/usr/bin/env python3
"""G.726 at 32 kbit/s by spandsp.

usage: spandsp_g726.py encode|decode lower|upper INPUT OUTPUT

Encodes raw samples (16 bits, lower octet first, 8 kHz), or decodes to them. `lower` and `upper` say which bits of an octet hold the
first of its two codes.
"""
import ctypes
import sys

# Of spandsp/g726.h.
ENCODING_LINEAR = 0
PACKINGS = {"upper": 1, "lower": 2}


def main() -> None:
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    mode, packing, source, target = sys.argv[1:]
    try:
        library = ctypes.CDLL("libspandsp.so.2")
    except OSError:
        sys.exit("libspandsp.so.2 is missing: apt-get install libspandsp2")
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    library.g726_init.restype = pointer
    library.g726_init.argtypes = [pointer, number, number, number]
    library.g726_encode.argtypes = [pointer, text, text, number]
    library.g726_decode.argtypes = [pointer, text, text, number]
    with open(source, "rb") as file:
        octets = file.read()
    state = library.g726_init(None, 32000, ENCODING_LINEAR, PACKINGS[packing])
    if mode == "encode":
        memory = ctypes.create_string_buffer(len(octets) + 16)
        length = library.g726_encode(state, memory, octets, len(octets) // 2)
    else:
        memory = ctypes.create_string_buffer(4 * len(octets) + 16)
        length = 2 * library.g726_decode(state, memory, octets, len(octets))
    with open(target, "wb") as file:
        file.write(memory.raw[:length])
    print(length)


main()
