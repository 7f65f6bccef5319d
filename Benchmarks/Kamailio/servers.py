"""How each of the two servers is started for a row."""
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import certificates
from processes import Server, free_port, required
from rows import DOMAIN, PASSWORD, SECURE, WEB, Row

HERE = Path(__file__).resolve().parent
# Kamailio's memory for transactions, in MB: with 512 it answers 500 as soon as 18,000 calls have come in a few seconds.
SHARED_MEMORY = 4_096
# What may wait for a UDP socket, in bytes: as with ours.
RECEIVE_BUFFER = 4 << 20
SCHEMA = Path("/usr/share/kamailio/db_sqlite")


def start_kamailio(row: Row, folder: Path) -> Server:
    """One worker, the quick allocator for shared (-x) and private (-X) memory, everything else by the configuration."""
    port = free_port_of(row)
    data_base = folder / "kamailio.sqlite"
    command = [
        required("kamailio", "kamailio"), "-f", str(HERE / row.configuration), "-l", f"{kamailio_transport(row)}:127.0.0.1:{port}",
        "-DD", "-E", "-x", "tlsf", "-X", "tlsf", "-m", str(SHARED_MEMORY), "-M", "16",
        "-b", str(RECEIVE_BUFFER),
        "-w", str(folder), "-Y", str(folder), "-P", str(folder / "kamailio.pid"),
        "-A", f'PASSWORD="{PASSWORD}"',
        "-A", f'DB_URL="sqlite:///{data_base}"', "-A", f'DB_JOURNAL="{data_base}=WAL"',
    ]
    environment = {}
    if row.transport != "udp":
        command += ["-A", "STREAMS"]
    if row.transport in WEB:
        command += ["-A", "WEBSOCKET"]
    if row.transport in SECURE:
        command += ["-A", "SECURE", "-A", f'CERTIFICATE="{certificates.authority()}"', "-A", f'KEY="{certificates.key()}"']
        environment["OPENSSL_CONF"] = str(certificates.openssl_settings())
    if row.durable:
        sqlite = required("sqlite3", "sqlite3")
        for part in ("standard", "usrloc"):
            with (SCHEMA / f"{part}-create.sql").open() as script:
                subprocess.run([sqlite, str(data_base)], stdin=script, check=True)
    return Server("kamailio", command, folder, port, environment)


def free_port_of(row: Row) -> int:
    """A port that is free for the transport of a row."""
    return free_port(socket.SOCK_DGRAM if row.transport == "udp" else socket.SOCK_STREAM)


def kamailio_transport(row: Row) -> str:
    """What Kamailio listens by: WebSocket begins in HTTP on a socket of TCP or TLS."""
    return {"ws": "tcp", "wss": "tls"}.get(row.transport, row.transport)


def start_ours(row: Row, ito: str, users: list[str], folder: Path, lanes: int = 1, spread: bool = False) -> Server:
    """Embedded defaults; users and bindings stay in memory unless the row wants them on the disk."""
    port = free_port_of(row)
    data = folder / "data"
    command = [ito, "serve", "--listen", f"{row.transport}://127.0.0.1:{port}", "--domain", DOMAIN, "--data", str(data),
               "--lanes", str(lanes)]
    if not row.digest:
        command.append("--no-auth")
    if not row.durable:
        command.append("--memory")
    environment = {}
    if row.transport in SECURE:
        environment = {"ITO_TLS_CERTIFICATE": str(certificates.authority()), "ITO_TLS_KEY": str(certificates.key())}
    server = Server("ito", command, folder, port, environment, spread=spread)
    server.await_line("ready")
    for user in users if row.digest else []:
        subprocess.run([ito, "user", "add", f"{user}@{DOMAIN}", "--password-stdin", "--data", str(data)],
                       input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
    return server


@contextmanager
def temporary_folders() -> Iterator[Callable[[], Path]]:
    """Makes folders in which servers keep their files, one for each run, and removes them."""
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))
