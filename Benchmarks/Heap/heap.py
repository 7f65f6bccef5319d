"""How much of its heap a server has in use: by a small library that is loaded into it (heap.c)."""
import os
import signal
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "heap.c"
# How long a server may take to tell, in seconds.
LIMIT = 30.0


def library(folder: Path) -> Path:
    """The library, compiled into the folder."""
    path = folder / "heap.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(path), str(SOURCE)], check=True)
    return path


def environment(loaded: Path, report: Path) -> dict[str, str]:
    """What a process has to have in its environment to tell of its heap in the file `report`."""
    return dict(os.environ, LD_PRELOAD=str(loaded), HEAP_REPORT=str(report))


def live(process: subprocess.Popen, report: Path) -> int:
    """The bytes that are allocated and not freed. Ask only a process that rests, so that no thread holds a lock of the allocator."""
    report.unlink(missing_ok=True)
    process.send_signal(signal.SIGUSR2)
    end = time.monotonic() + LIMIT
    while not (report.exists() and report.read_text().endswith("\n")):
        if time.monotonic() > end or process.poll() is not None:
            raise SystemExit("the server did not tell of its heap")
        time.sleep(0.01)
    return int(report.read_text())
