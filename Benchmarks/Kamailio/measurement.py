"""One run: a load on a server, and the processor time that it cost."""
import json
import os
import subprocess
import time

from processes import Server, drops
from rows import PASSWORD, Row

# For how long an idle server is watched, in seconds.
IDLE = 2.0
# For how long a server is loaded before it is measured: caches fill, bindings and nonces are made, in seconds.
WARM_UP = 2


def load(program: list[str], row: Row, port: int, duration: int, extra: tuple[str, ...] = ()) -> dict:
    """Runs the load generator and returns the object on its last line."""
    command = program + [
        row.load, "--target", f"udp://127.0.0.1:{port}", "--rate", str(row.rate), "--duration", str(duration),
        "--users", str(row.users), "--json", *extra]
    environment = dict(os.environ)
    environment.pop("ITO_PASSWORD", None)
    if row.digest:
        environment["ITO_PASSWORD"] = PASSWORD
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    lines = done.stdout.strip().splitlines()
    if done.returncode not in (0, 1) or not lines:
        raise SystemExit(f"the load generator failed ({done.returncode}): {' '.join(command)}")
    return json.loads(lines[-1])


def measure(server: Server, row: Row, program: list[str], duration: int, extra: tuple[str, ...] = ()) -> dict:
    """One run against a server that has just started."""
    # Before any load: later a write-back would be taken for idling.
    idle_before = server.processor_time()
    time.sleep(IDLE)
    idle_rate = (server.processor_time() - idle_before) / IDLE
    load(program, row, server.port, WARM_UP, extra)
    time.sleep(row.settle)
    before, dropped, start = server.processor_time(), drops(server.port), time.monotonic()
    result = load(program, row, server.port, duration, extra)
    time.sleep(row.settle)
    spent = server.processor_time() - before - idle_rate * (time.monotonic() - start)
    if result["operations"] == 0:
        raise SystemExit(f"{server.name} answered nothing:\n{server.tail()}")
    return {
        "server": server.name,
        "operations": result["operations"],
        "cpu_per_operation": spent / result["operations"],
        "p99_us": result.get("p99_us", 0),
        "failed": result.get("failed", 0),
        "drops": result.get("drops", 0) + drops(server.port) - dropped,
    }
