"""Lets baresip hear packets in real time, over UDP on the loopback, and keeps what it plays.

Each hearing is a process of its own: baresip 4.10 as the PyPI package baresip-python carries it, with its adaptive buffers on
and its player writing a file. This module calls it (RFC 3261, the little that is needed), sends the packets at their times and
takes from the file what was played from the origin of time on. baresip 1.0.0, which Debian has, knows no adaptive buffer.

usage: peer.py PORT FILE [WORD...]  (what this module runs for each hearing: answers one call, until its input ends; the words are
lines of baresip's configuration with "=" for the space)
"""
import asyncio
import contextlib
import itertools
import os
import re
import selectors
import socket
import struct
import subprocess
import sys
import time
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy

# What makes baresip's buffers adaptive; all else is as it comes. Opus at the rate of the board.
SETTINGS = ["audio_jitter_buffer_type=adaptive", "audio_buffer_mode=adaptive", "opus_samplerate=16000", "opus_stereo=no",
            "rtp_ports=10000-19998"]
# Where baresip is called: apart from its media and from what the system gives out.
PORTS = itertools.cycle(range(20000, 30000))
RTPMAPS = {"pcmu": (0, "PCMU/8000"), "g722": (9, "G722/8000"), "opus": (96, "opus/48000/2")}
# Of how late a packet is sent, at the 99th percentile: a batch over it is heard again.
LATEST = 0.002
ATTEMPTS = 8


@dataclass
class Hearing:
    """Packets to hear, and how long, in seconds; then the samples that were heard from the origin on."""
    name: str
    codec: str
    rate: int
    packets: list[tuple[float, bytes]]
    duration: float
    heard: numpy.ndarray | None = None


def read_packets(file: Path) -> list[tuple[float, bytes]]:
    """What QualityBenchmark --packets leaves: times in seconds, and datagrams."""
    data, packets, place = file.read_bytes(), [], 0
    while place < len(data):
        microseconds, length = struct.unpack_from("<IH", data, place)
        packets.append((microseconds / 1e6, data[place + 6: place + 6 + length]))
        place += 6 + length
    return packets


def free_port() -> int:
    """A port that is free for UDP and TCP."""
    for port in PORTS:
        with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
              contextlib.suppress(OSError)):
            datagrams.bind(("127.0.0.1", port))
            streams.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def pair_of_ports() -> tuple[socket.socket, socket.socket]:
    """Two sockets for RTP and RTCP (RFC 3550 §11); nothing that comes is read."""
    while True:
        media, control = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        media.bind(("127.0.0.1", 0))
        try:
            control.bind(("127.0.0.1", media.getsockname()[1] + 1))
            return media, control
        except OSError:
            media.close()
            control.close()


class Call:
    """One baresip, and the dialog with it."""

    def __init__(self, hearing: Hearing, folder: Path):
        self.hearing = hearing
        self.file = folder / f"{hearing.name}.wav"
        self.signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.signalling.bind(("127.0.0.1", 0))
        self.signalling.settimeout(5)
        self.media, self.control = pair_of_ports()
        self.port = free_port()
        command = [sys.executable, __file__, str(self.port), str(self.file), *SETTINGS]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(20) or self.process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"baresip for {self.hearing.name} is not ready")

    def request(self, method: str, number: int, body: str = "") -> str:
        local = "127.0.0.1:%d" % self.signalling.getsockname()[1]
        lines = [f"{method} sip:peer@127.0.0.1:{self.port} SIP/2.0",
                 f"Via: SIP/2.0/UDP {local};branch=z9hG4bK-{method}-{self.port}", "Max-Forwards: 70",
                 f"From: <sip:quality@{local}>;tag=quality", f"To: <sip:peer@127.0.0.1:{self.port}>{getattr(self, 'tag', '')}",
                 f"Call-ID: {self.port}@127.0.0.1", f"CSeq: {number} {method}", f"Contact: <sip:quality@{local}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])

    def send(self, text: str) -> None:
        self.signalling.sendto(text.encode(), ("127.0.0.1", self.port))

    def answer(self) -> str:
        """The final response."""
        while True:
            text = self.signalling.recv(65536).decode()
            if re.match(r"SIP/2\.0 [2-6]", text):
                return text

    def begin(self) -> None:
        payload_type, encoding = RTPMAPS[self.hearing.codec]
        body = "\r\n".join([
            "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
            f"m=audio {self.media.getsockname()[1]} RTP/AVP {payload_type}", f"a=rtpmap:{payload_type} {encoding}",
            "a=ptime:20", "a=sendonly", ""])
        self.send(self.request("INVITE", 1, body))
        text = self.answer()
        media = re.search(r"^m=audio (\d+) RTP/AVP (\d+)", text, re.MULTILINE)
        if not text.startswith("SIP/2.0 200") or media is None or int(media[2]) != payload_type:
            raise RuntimeError(f"baresip does not hear {self.hearing.name}:\n{text}")
        self.tag = ";tag=" + re.search(r"^To:.*;tag=([^;\s]+)", text, re.MULTILINE | re.IGNORECASE)[1]
        self.send(self.request("ACK", 1))
        self.media.connect(("127.0.0.1", int(media[1])))

    def end(self, origin: float) -> None:
        """Hangs up and takes what was heard since `origin`, a time of the epoch."""
        # The file was made when the player began.
        born = subprocess.run(["stat", "--format", "%.9W", self.file], check=True, capture_output=True, text=True).stdout
        self.send(self.request("BYE", 2))
        with contextlib.suppress(TimeoutError):
            self.answer()
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)
        with wave.open(str(self.file)) as recording:
            channels, rate = recording.getnchannels(), recording.getframerate()
            samples = numpy.frombuffer(recording.readframes(recording.getnframes()), dtype=numpy.int16)
        if rate != self.hearing.rate:
            raise RuntimeError(f"{self.hearing.name} was played at {rate} Hz")
        samples = samples.reshape(-1, channels)[:, 0]
        lead = round((origin - float(born)) * rate)
        self.hearing.heard = samples[lead:] if lead >= 0 else numpy.pad(samples, (-lead, 0))
        self.file.unlink()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for each in (self.signalling, self.media, self.control):
            each.close()


@contextlib.contextmanager
def on_time():
    """Runs what is inside before all that is not in real time, where that is allowed."""
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, policy, parameter)


def replay(calls: list[Call]) -> tuple[float, list[float]]:
    """Sends all packets at their times.

    Returns the origin of time, in seconds of the epoch, and how late each packet was sent."""
    packets = sorted(
        ((due, call.media, data) for call in calls for due, data in call.hearing.packets), key=lambda packet: packet[0])
    start = time.monotonic() + 0.5
    origin = time.time() + start - time.monotonic()
    late = []
    for due, media, data in packets:
        while (rest := start + due - time.monotonic()) > 0:
            time.sleep(rest)
        with contextlib.suppress(ConnectionRefusedError):
            media.send(data)
        late.append(time.monotonic() - start - due)
    end = start + max(call.hearing.duration for call in calls)
    time.sleep(max(0, end - time.monotonic()))
    return origin, late


def hear_once(hearings: list[Hearing], folder: Path) -> float:
    """Lets as many baresips hear at once; how late packets were sent, in seconds at the 99th percentile."""
    calls = []
    try:
        for hearing in hearings:
            calls.append(Call(hearing, folder))
        for call in calls:
            call.wait_until_ready()
        for call in calls:
            call.begin()
        with on_time():
            origin, late = replay(calls)
        for call in calls:
            call.end(origin)
        return float(numpy.quantile(late, 0.99))
    finally:
        for call in calls:
            call.close()


def hear(hearings: list[Hearing], folder: Path, at_once: int) -> tuple[float, int]:
    """Lets baresip hear all, so many at once; a batch whose packets went out late is heard again.

    Returns the greatest lateness that was kept, in seconds at the 99th percentile of a batch, and how many batches were heard again."""
    worst, again = 0.0, 0
    for first in range(0, len(hearings), at_once):
        batch = hearings[first: first + at_once]
        for attempt in range(1, ATTEMPTS + 1):
            late = hear_once(batch, folder)
            print(f"heard {first + len(batch)} of {len(hearings)}, packets {late * 1000:.2f} ms late", file=sys.stderr)
            if late < LATEST:
                break
            again += 1
        else:
            raise RuntimeError(f"packets could not be sent in time, {ATTEMPTS} times")
        worst = max(worst, late)
    return worst, again


async def listen(port: int, file: str, settings: list[str]) -> None:
    """A baresip that answers a call and plays to a file, until the input ends."""
    import baresip
    runtime = baresip.Runtime()
    lines = [f"sip_listen 127.0.0.1:{port}", *(setting.replace("=", " ", 1) for setting in settings)]
    await runtime.start(baresip.Config(
        net_interface="127.0.0.1", audio_player=f"aufile,{file}", native_log_level="error",
        extra_config_text="\n".join(lines) + "\n"))
    account = baresip.Account(user="peer", domain="127.0.0.1", password="", reg_interval=0, audio_codecs=())
    agent = await baresip.UserAgent.create(runtime, account)
    loop = asyncio.get_running_loop()
    tasks = []
    agent.on_incoming(lambda call: tasks.append(loop.create_task(call.answer())))
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(1))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    await runtime.close()


if __name__ == "__main__":
    asyncio.run(listen(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
