"""Starts `ito serve` with a listener for each transport, and speaks to it as simply as can be."""
import functools
import os
import re
import resource
import socket
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Files that server and clients may have open.
FILES = 65_536
TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")


class Server:
    """A running server: its process, and where it listens."""

    def __init__(self, process, folder, ports):
        self.process, self.folder, self.ports = process, folder, ports

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        """What clients secure their connections with; they believe the server's own certificate."""
        return ssl.create_default_context(cafile=f"{self.folder}/certificate.pem")

    def pss(self) -> int:
        """Its proportional set size in bytes."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE).group(1)) << 10


@contextmanager
def served(ito: Path = ROOT / ".build/release/ito", **settings):
    """A server without authentication that keeps its bindings in memory."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        command = [str(ito), "serve", "--no-auth", "--memory", "--domain", "bench.test", "--data", folder, "--lanes", "1"]
        for transport in TRANSPORTS:
            command += ["--listen", f"{transport}://127.0.0.1:0"]
        environment = dict(
            os.environ, ITO_TCP_CONNECTIONS=str(FILES), ITO_TCP_CONNECTIONS_PER_SOURCE=str(FILES),
            ITO_WEBSOCKET_PING_INTERVAL="0s", **settings)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        try:
            ports = {}
            for word in process.stdout.readline().split()[1:]:
                transport, port = re.fullmatch(r"(\w+)://127\.0\.0\.1:(\d+)", word).groups()
                ports[transport] = int(port)
            yield Server(process, folder, ports)
        finally:
            process.terminate()
            process.wait()


class Client:
    """One connection that registers one user."""

    def __init__(self, server: Server, transport: str, number: int):
        self.transport, self.number = transport, number
        self.socket = socket.create_connection(("127.0.0.1", server.ports[transport]))
        # What is small must not wait for the acknowledgement of what went before.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if transport in ("tls", "wss"):
            self.socket = server.context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        if transport in ("ws", "wss"):
            self.socket.sendall(
                b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
            self.read(b" 101 ")

    def read(self, expected: bytes) -> bytes:
        """Reads until a head is whole, in which the bytes must be."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65_536)
            if not more:
                raise SystemExit(f"the server has closed a {self.transport} connection")
            data += more
        if expected not in data:
            raise SystemExit(f"over {self.transport} the server said {data!r}")
        return data

    def register(self) -> None:
        host = f"{self.number}.invalid" if self.transport in ("ws", "wss") else "%s:%d" % self.socket.getsockname()
        user, name = f"user{self.number}", self.transport.upper()
        message = (
            f"REGISTER sip:bench.test SIP/2.0\r\nVia: SIP/2.0/{name} {host};branch=z9hG4bK{self.number}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:{user}@bench.test>;tag=1\r\nTo: <sip:{user}@bench.test>\r\nCall-ID: {user}@bench\r\nCSeq: 1 REGISTER\r\n"
            f"Contact: <sip:{user}@{host};transport={name.lower()}>\r\nContent-Length: 0\r\n\r\n").encode()
        if self.transport in ("ws", "wss"):
            head = bytes([0x81, 0x80 | 126]) + len(message).to_bytes(2, "big")
            message = head + b"\0\0\0\0" + message
        self.socket.sendall(message)
        self.read(b"SIP/2.0 200 ")
