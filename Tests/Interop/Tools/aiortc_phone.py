"""A WebRTC phone on the library `aiortc`, signalled by SIP over WebSocket as `websocket_phone.py` does it.

    aiortc_phone.py URL USER PASSWORD CLIP RECORDING [--domain D] [--call URI] [--codec TYPE] [--setup ROLE]

It registers, says `registered`, and takes a call, or makes one with --call. When the connection stands it says the WAV file CLIP,
and hangs up behind that. What it hears is in the WAV file RECORDING (48 kHz, mono) when it says `ended`. With --setup
it answers with that part in the DTLS handshake. Other events: `heard` and a description, `connected`, `report` and a JSON object.
"""
import asyncio
import json
import re
import wave

import aioice.ice
import numpy
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from av import AudioResampler

import websocket_phone
from wav import read
from websocket_phone import say

# It leaves loopback out of its candidates, where all of a test is.
aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]

RATE = 48000


class Clip(AudioStreamTrack):
    """Silence, and a clip once it is begun."""

    def __init__(self, path):
        super().__init__()
        self.rate, samples = read(path)
        self.samples = samples.astype(numpy.int16)
        self.place = None
        self.said = asyncio.Event()

    async def recv(self):
        frame = await super().recv()  # 20 ms of silence at 8 kHz, in time
        count = frame.samples
        assert frame.sample_rate == self.rate, f"the clip must have {frame.sample_rate} Hz"
        if self.place is not None:
            part = self.samples[self.place : self.place + count]
            self.place += count
            frame.planes[0].update(numpy.pad(part, (0, count - len(part))).tobytes())
            if self.place >= len(self.samples):
                self.said.set()
        return frame


class Phone(websocket_phone.Phone):
    def __init__(self, arguments):
        super().__init__(arguments)
        self.domain = arguments.domain
        self.peer = None

    def open(self):
        self.peer = RTCPeerConnection()
        self.clip = Clip(self.arguments.clip)
        self.peer.on("track", self.hear)
        self.peer.on("connectionstatechange", self.change)

    def add(self):
        self.peer.addTrack(self.clip)
        if self.arguments.codec:
            wanted = [self.arguments.codec.lower(), "audio/telephone-event"]
            codecs = [c for c in RTCRtpSender.getCapabilities("audio").codecs if c.mimeType.lower() in wanted]
            self.peer.getTransceivers()[0].setCodecPreferences(codecs)

    def change(self):
        say(self.peer.connectionState)
        if self.peer.connectionState == "connected":
            self.clip.place = 0

    def hear(self, track):
        self.recording = asyncio.create_task(self.record(track))

    async def record(self, track):
        resampler = AudioResampler(format="s16", layout="mono", rate=RATE)
        with wave.open(self.arguments.recording, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            try:
                while True:
                    for frame in resampler.resample(await track.recv()):
                        file.writeframes(frame.to_ndarray().tobytes())
            except MediaStreamError:
                pass

    async def offer(self):
        self.open()
        self.add()
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp.replace("\r\n", "\n")

    async def accept(self, answer):
        say(f"heard {json.dumps(answer)}")
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer):
        say(f"heard {json.dumps(offer)}")
        if self.arguments.setup:
            # An answerer takes the other part than the one that is offered.
            other = {"active": "passive", "passive": "active"}[self.arguments.setup]
            offer = re.sub(r"a=setup:\w+", f"a=setup:{other}", offer)
        self.open()
        await self.peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        self.add()
        self.ending = asyncio.create_task(self.hang_up())
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return self.peer.localDescription.sdp.replace("\r\n", "\n")

    async def talk(self):
        await self.clip.said.wait()
        await asyncio.sleep(1)

    async def hang_up(self):
        """Hangs up a call that came in."""
        await self.talk()
        dialog = self.dialog
        status, _ = await self.ask(
            "BYE", dialog["target"], dialog["call"], dialog["local"], dialog["remote"], dialog["routes"])
        await self.release()
        say(f"ended {status}")

    async def release(self):
        transport = self.peer.getSenders()[0].transport
        report = {"dtlsRole": transport._role, "iceRole": transport.transport.role}
        say(f"report {json.dumps(report)}")
        await self.peer.close()
        await self.recording


if __name__ == "__main__":
    parser = websocket_phone.options()
    parser.add_argument("clip")
    parser.add_argument("recording")
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--codec")
    parser.add_argument("--setup")
    asyncio.run(Phone(parser.parse_args()).run())
