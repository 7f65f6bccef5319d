"""How each of the two servers is started for a row."""
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from processes import Server, free_port, required
from rows import DOMAIN, PASSWORD, Row

HERE = Path(__file__).resolve().parent
SCHEMA = Path("/usr/share/kamailio/db_sqlite")


def start_kamailio(row: Row, folder: Path) -> Server:
    """One worker, the quick allocator for shared (-x) and private (-X) memory, everything else by the configuration."""
    port = free_port()
    data_base = folder / "kamailio.sqlite"
    command = [
        required("kamailio", "kamailio"), "-f", str(HERE / row.configuration), "-l", f"udp:127.0.0.1:{port}",
        "-DD", "-E", "-x", "tlsf", "-X", "tlsf", "-m", "512", "-M", "16",
        "-w", str(folder), "-Y", str(folder), "-P", str(folder / "kamailio.pid"),
        "-A", f'PASSWORD="{PASSWORD}"',
        "-A", f'DB_URL="sqlite:///{data_base}"', "-A", f'DB_JOURNAL="{data_base}=WAL"',
    ]
    if row.durable:
        sqlite = required("sqlite3", "sqlite3")
        for part in ("standard", "usrloc"):
            with (SCHEMA / f"{part}-create.sql").open() as script:
                subprocess.run([sqlite, str(data_base)], stdin=script, check=True)
    return Server("kamailio", command, folder, port)


def start_ours(row: Row, ito: str, users: list[str], folder: Path, lanes: int = 1) -> Server:
    """Embedded defaults; bindings stay in memory unless the row wants them on the disk, or passwords that are there."""
    port = free_port()
    data = folder / "data"
    for user in users if row.digest else []:
        subprocess.run([ito, "user", "add", f"{user}@{DOMAIN}", "--password-stdin", "--data", str(data)],
                       input=PASSWORD + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
    command = [ito, "serve", "--listen", f"udp://127.0.0.1:{port}", "--domain", DOMAIN, "--data", str(data),
               "--lanes", str(lanes)]
    if not row.digest:
        command.append("--no-auth")
    if not row.durable and not row.digest:
        command.append("--memory")
    return Server("ito", command, folder, port)


@contextmanager
def temporary_folders() -> Iterator[Callable[[], Path]]:
    """Makes folders in which servers keep their files, one for each run, and removes them."""
    with tempfile.TemporaryDirectory(prefix="itodenwa-bench-") as folder:
        yield lambda: Path(tempfile.mkdtemp(dir=folder))
