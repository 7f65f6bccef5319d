"""Goodput of a server that is asked for several times what it can do: see README.md.

    overload.py --ito PATH [--times 3] [--cost 1] [--seconds 20] [--json]
"""
import argparse
import json
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

# Operations at once while the capacity is measured: enough to keep the lane at work, too few to wait for a tenth of a second.
CONCURRENCY = 64
SERVER, UPSTREAM = "127.0.0.2", "127.0.0.1"


def free_port(host: str) -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextmanager
def serving(ito: str, host: str, settings: str = ""):
    """A server with one lane and its bindings in memory; its port."""
    with tempfile.TemporaryDirectory(prefix="itodenwa-overload-") as folder:
        port = free_port(host)
        path = Path(folder) / "ito.yaml"
        path.write_text(f"""
data-folder: {folder}/data
domains: [{host}]
listeners: ["udp://{host}:{port}"]
lanes: {{count: 1}}
store: {{kind: memory}}
authentication: {{required: false}}
proxy: {{trusted-networks: ["127.0.0.0/8"]}}
{settings}
""")
        process = subprocess.Popen([ito, "serve", "--config", str(path)], stdout=subprocess.PIPE,
                                   stderr=(Path(folder) / "log").open("wb"), text=True)
        try:
            if not process.stdout.readline().startswith("ready"):
                raise SystemExit((Path(folder) / "log").read_text())
            yield port
        finally:
            process.terminate()
            process.wait(30)


def load(ito: str, operation: str, target: str, domain: str, seconds: float, *pace: str) -> dict:
    """What `ito load` tells, with the operations in a second that went well."""
    done = subprocess.run(
        [ito, "load", operation, "--target", f"udp://{target}", "--domain", domain, "--duration", str(seconds), "--users", "100",
         "--json", *pace],
        capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    result["goodput"] = result["operations"] / seconds
    return result


def measure(ito: str, operation: str, times: float, cost: int, seconds: float, chain: bool) -> dict:
    """Capacity with few requests at a time, and goodput at so many times that, directly or by a server before it that takes part
    in overload control."""
    costly = f"overload: {{trial-cost: {cost}ms}}"
    with serving(ito, SERVER, costly) as port, serving(ito, UPSTREAM) as upstream:
        domain = f"{SERVER}:{port}"
        target = f"{UPSTREAM}:{upstream}" if chain else domain
        capacity = load(ito, operation, target, domain, seconds / 2, "--concurrency", str(CONCURRENCY))["goodput"]
        time.sleep(2)
        result = load(ito, operation, target, domain, seconds, "--rate", str(round(capacity * times)))
    return {"operation": operation, "by": "a server that takes part" if chain else "clients that do not", "capacity": round(capacity),
            "offered": round(capacity * times), "goodput": round(result["goodput"]),
            "share": round(result["goodput"] / capacity, 3), "p99_us": result.get("p99_us")}


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--ito", required=True)
parser.add_argument("--times", type=float, default=3)
parser.add_argument("--cost", type=int, default=1, help="milliseconds of each request")
parser.add_argument("--seconds", type=float, default=20)
parser.add_argument("--json", action="store_true")
arguments = parser.parse_args()
for chain in (False, True):
    for operation in ("register", "call"):
        row = measure(arguments.ito, operation, arguments.times, arguments.cost, arguments.seconds, chain)
        if arguments.json:
            print(json.dumps(row), flush=True)
        else:
            print(f"| {row['operation']} | {row['by']} | {row['capacity']} | {row['offered']} | {row['goodput']} | "
                  f"{row['share']:.0%} |", flush=True)
