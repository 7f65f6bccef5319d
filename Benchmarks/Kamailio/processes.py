"""Starts servers and reads how much processor time they take."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# The state of a TCP socket in the kernel's tables.
LISTENING = "0A"
# The processors that server and load generator have, each for itself, where the machine has two: together on one, as the kernel puts
# them when one wakes the other, each takes the other's time, and latencies are those of the scheduler.
SERVER_PROCESSOR, LOAD_PROCESSOR = 0, 1
# How long a server may take to start, in seconds.
START_LIMIT = 20.0
# How long it may take to stop before it is killed, in seconds.
STOP_LIMIT = 8.0


def pinned(command: list[str], processor: int) -> list[str]:
    """A command that runs on one processor alone, as far as the machine has that one and another."""
    if not {SERVER_PROCESSOR, LOAD_PROCESSOR} <= os.sched_getaffinity(0):
        return command
    return [required("taskset", "util-linux"), "--cpu-list", str(processor), *command]


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    """A port of 127.0.0.1 that is free now, of UDP or TCP."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def udp_sockets(port: int) -> list[list[str]]:
    """The kernel's lines about UDP sockets bound to a port."""
    found = []
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.append(fields)
    return found


def listens(port: int) -> bool:
    """Whether a TCP socket listens on a port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == LISTENING:
                return True
    return False


def drops(port: int) -> int:
    """Datagrams that the kernel threw away since the sockets were bound, because nobody took them in time."""
    return sum(int(fields[-1]) for fields in udp_sockets(port))


class Server:
    """A server process with all its children, in a process group of its own; on one processor unless it is `spread`."""

    def __init__(self, name: str, command: list[str], folder: Path, port: int, environment: dict[str, str] | None = None,
                 spread: bool = False):
        self.name, self.port, self.spread = name, port, spread
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command if spread else pinned(command, SERVER_PROCESSOR), cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
                env=dict(os.environ, **(environment or {})))
        try:
            self._await_socket()
        except BaseException:
            self.stop()
            raise

    def _await_socket(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not udp_sockets(self.port) and not listens(self.port):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} did not start:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name} bound no port within {START_LIMIT:.0f} s:\n{self.tail()}")
            time.sleep(0.01)

    def await_line(self, beginning: str) -> None:
        """Waits until it has written a line that begins like this."""
        deadline = time.monotonic() + START_LIMIT
        while not any(line.startswith(beginning) for line in self.log.read_text(errors="replace").splitlines()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} did not say {beginning}:\n{self.tail()}")
            time.sleep(0.01)

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def processor_time(self) -> float:
        """Seconds that all threads of all its processes have computed, in user space and in the kernel (`/proc/PID/stat`)."""
        total = 0
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                # The name in parentheses may hold anything; what follows it is numbers from the third field on.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # Field 5 is the process group, 14 and 15 are utime and stime, 16 and 17 those of children that have ended.
            if int(fields[2]) == self.process.pid:
                total += sum(int(field) for field in fields[11:15])
        return total / TICKS

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the server and whatever it started."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def required(program: str, package: str) -> str:
    """The path of a program, or the end with a hint."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if path is None:
        raise SystemExit(f"'{program}' is not installed; run script/setup --bench, or: apt-get install {package}")
    return path
