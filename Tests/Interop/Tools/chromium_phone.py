"""A phone in a page of headless Chromium: WebRTC as browsers do it, signalled by SIP over WebSocket (Tests/Interop/WebRTC/page.js).

    chromium_phone.py URL USER CLIP RECORDING [--domain D] [--call URI] [--codec TYPE] [--setup ROLE] [--hide-addresses] [--trickle]
                       [--video] [--bundle POLICY] [--do STEP]...

It registers without a password, says `registered`, and takes a call, or makes one with --call. When the connection stands it says
the WAV file CLIP, and hangs up behind that. What it hears is in the WAV file RECORDING (48 kHz, mono) when it says
`ended`, and it is over then. Each event of the page is a line. --setup answers with that part in the DTLS handshake,
--hide-addresses tells names of mDNS in place of addresses, as a page without leave to hear the microphone does, and --trickle tells
candidates by INFO (RFC 8840). With --video it sends a picture that moves, too. --bundle is its bundlePolicy. Before it speaks it
does each STEP by an offer of its own: `hold`, `resume`, `restart` (of ICE), and says `did STEP DIRECTION`.

Chromium is driven by its DevTools protocol over two pipes, on nothing but Python's own library.
"""
import argparse
import base64
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import wave

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--autoplay-policy=no-user-gesture-required", "--allow-file-access-from-files",
    # Candidates of this host too: peers of a test are nowhere else.
    "--allow-loopback-in-peer-connection",
    "--remote-debugging-pipe",
]
# A microphone that everybody may hear: with leave to hear it, a page learns all addresses.
MICROPHONE = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
RATE = 48000


def say(line):
    print(line, flush=True)


class Browser:
    """Chromium with one page; ended by its pipe, which closes with this program at the latest."""

    def __init__(self, folder, flags):
        program = shutil.which("chromium") or sys.exit("chromium is not installed")
        theirs, self.commands = os.pipe()
        self.events, other = os.pipe()
        # It reads descriptor 3 and writes descriptor 4: the shell lays them there.
        script = f'exec "$0" "$@" 3<&{theirs} 4>&{other}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, program, *FLAGS, *flags, f"--user-data-dir={folder}", "about:blank"], pass_fds=(theirs, other),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(other)
        self.pending = b""
        self.number = 0
        self.session = None

    def send(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data) :]
        return self.number

    def next(self):
        while b"\0" not in self.pending:
            data = os.read(self.events, 1 << 20)
            if not data:
                sys.exit("chromium is gone")
            self.pending += data
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **parameters):
        number = self.send(method, **parameters)
        while True:
            message = self.next()
            if message.get("id") == number:
                if "error" in message:
                    sys.exit(f"{method}: {message['error']}")
                return message["result"]

    def open(self, path):
        targets = self.ask("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self.session = self.ask("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        self.ask("Page.enable")
        self.ask("Runtime.enable")
        self.ask("Runtime.addBinding", name="tell")
        self.ask("Page.navigate", url=path.as_uri())
        while self.next().get("method") != "Page.loadEventFired":
            pass

    def end(self):
        os.close(self.commands)
        self.process.wait()


def write(path, blocks):
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for block in blocks:
            samples = struct.unpack(f"<{len(block) // 4}f", block)
            file.writeframes(struct.pack(f"<{len(samples)}h", *(max(-32768, min(32767, round(s * 32768))) for s in samples)))


def main():
    parser = argparse.ArgumentParser()
    for name in ["url", "user", "clip", "recording"]:
        parser.add_argument(name)
    parser.add_argument("--domain", default="localhost")
    parser.add_argument("--call")
    parser.add_argument("--codec")
    parser.add_argument("--setup")
    parser.add_argument("--hide-addresses", action="store_true")
    parser.add_argument("--trickle", action="store_true")
    parser.add_argument("--video", action="store_true")
    parser.add_argument("--bundle", default="max-bundle")
    parser.add_argument("--do", action="append", default=[])
    arguments = parser.parse_args()
    options = {
        "server": arguments.url, "user": arguments.user, "domain": arguments.domain, "target": arguments.call,
        "codec": arguments.codec, "setup": arguments.setup, "trickles": arguments.trickle,
        "hidesAddresses": arguments.hide_addresses, "video": arguments.video, "bundle": arguments.bundle, "steps": arguments.do,
        "clip": base64.b64encode(pathlib.Path(arguments.clip).read_bytes()).decode(),
    }
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(folder, [] if arguments.hide_addresses else MICROPHONE)
        browser.open(pathlib.Path(__file__).resolve().parent.parent / "WebRTC" / "page.html")
        browser.send("Runtime.evaluate", expression=f"phone.start({json.dumps(options)})", awaitPromise=True, userGesture=True)
        sound = []
        while True:
            message = browser.next()
            if message.get("method") == "Runtime.exceptionThrown":
                say(f"failed {message['params']['exceptionDetails']}")
            if "exceptionDetails" in message.get("result", {}):
                say(f"failed {message['result']['exceptionDetails']}")
            if message.get("method") != "Runtime.bindingCalled":
                continue
            event = message["params"]["payload"]
            if event.startswith("sound "):
                sound.append(base64.b64decode(event[6:]))
                continue
            if event == "ended":
                write(arguments.recording, sound)
            say(event)
            if event == "ended":
                break
        browser.end()


main()
