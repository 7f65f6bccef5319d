"""One run: a load on a server, and the processor time that it cost."""
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from certificates import authority
from processes import LOAD_PROCESSOR, TICKS, Server, drops, pinned
from rows import PASSWORD, SECURE, Row

# For how long an idle server is watched, in seconds.
IDLE = 2.0
# A run during which the host, or other programs, had more than this share of the processors says little, and is made again …
DISTURBANCE_LIMIT = 0.05
# … up to so many times, if no other number is asked for; the least disturbed one counts then.
ATTEMPTS = 6


def processors() -> tuple[float, float]:
    """Seconds that all processors have worked, and seconds that the host took them away (`/proc/stat`)."""
    with open("/proc/stat") as file:
        # user, nice, system, idle, iowait, irq, softirq, steal
        fields = [int(field) / TICKS for field in file.readline().split()[1:9]]
    return sum(fields[:3]) + fields[5] + fields[6], fields[7]


def own_children() -> float:
    """Seconds that children of this process which have ended, such as load generators, have computed."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def calm(start: Callable[[], AbstractContextManager[Server]], row: Row, program: list[str], duration: int,
         extra: tuple[str, ...] = (), attempts: int = ATTEMPTS) -> dict:
    """One run against a server that was just started, made again while it was disturbed."""
    best = None
    for _ in range(attempts):
        with start() as server:
            result = measure(server, row, program, duration, extra)
        if best is None or result["disturbance"] < best["disturbance"]:
            best = result
        if best["disturbance"] <= DISTURBANCE_LIMIT:
            break
        print(f"    disturbed: others had {result['disturbance']:.0%} of the processors", file=sys.stderr, flush=True)
    return best


def load(program: list[str], row: Row, server: Server, duration: int, extra: tuple[str, ...] = (), concurrency: int = 0) -> dict:
    """Runs the load generator, at the row's rate or as fast as answers come, and returns the object on its last line."""
    pace = ["--concurrency", str(concurrency)] if concurrency else ["--rate", str(row.rate)]
    command = program + [
        row.load, "--target", f"{row.transport}://127.0.0.1:{server.port}", *pace, "--duration", str(duration),
        "--users", str(row.users), "--json", *extra]
    if row.transport in SECURE:
        command += ["--ca-file", str(authority())]
    if row.challenged:
        command.append("--no-keep-nonce")
    environment = dict(os.environ)
    environment.pop("ITO_PASSWORD", None)
    if row.digest:
        environment["ITO_PASSWORD"] = PASSWORD
    if not server.spread:
        command = pinned(command, LOAD_PROCESSOR)
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
    load(program, row, server, row.warm_up, extra)
    time.sleep(row.settle)
    before, dropped, start = server.processor_time(), drops(server.port), time.monotonic()
    worked, stolen, children = *processors(), own_children()
    result = load(program, row, server, duration, extra)
    time.sleep(row.settle)
    elapsed = time.monotonic() - start
    spent = server.processor_time() - before
    worked, stolen, children = (now - then for now, then in zip((*processors(), own_children()), (worked, stolen, children)))
    others = max(0.0, worked - spent - children)
    spent -= idle_rate * elapsed
    if result["operations"] == 0:
        raise SystemExit(f"{server.name} answered nothing:\n{server.tail()}")
    return {
        "server": server.name,
        "operations": result["operations"],
        "cpu_per_operation": spent / result["operations"],
        "p50_us": result.get("p50_us", 0),
        "p99_us": result.get("p99_us", 0),
        "p999_us": result.get("p999_us", 0),
        "failed": result.get("failed", 0),
        "disturbance": (stolen + others) / (elapsed * os.cpu_count()),
        "drops": result.get("drops", 0) + drops(server.port) - dropped,
    }


def saturate(server: Server, row: Row, program: list[str], duration: int, concurrency: int) -> tuple[float, float]:
    """Operations in a second when the next begins as one ends, and the share of one core that the server takes for them.

    Below 1 it is the generator, which has one thread, or something else on the machine that could do no more.
    """
    load(program, row, server, row.warm_up, concurrency=concurrency)
    before = server.processor_time()
    result = load(program, row, server, duration, concurrency=concurrency)
    share = (server.processor_time() - before) / max(result["seconds"], 0.001)
    if result["operations"] == 0:
        raise SystemExit(f"{server.name} answered nothing:\n{server.tail()}")
    if result["failed"]:
        raise SystemExit(f"{server.name} failed {result['failed']} times, of {result['started']}: {result['statuses']}\n{server.tail()}")
    return result["rate"], share
