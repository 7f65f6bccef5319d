"""What a soak does to a server: each worker runs for a time and says what went wrong."""
import json
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

from server import DOMAIN, Server

SCENARIOS = Path(__file__).resolve().parents[2] / "Tests/Interop/Scenarios"


def generator(server: Server, operation: str, transport: str, rate: int, seconds: float) -> list[str]:
    """`ito load`: registrations, or calls with users that it registers itself."""
    command = [server.ito, "load", operation, "--target", f"{transport}://127.0.0.1:{server.ports[transport]}",
               "--domain", DOMAIN, "--rate", str(rate), "--duration", str(seconds), "--users", "500", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        result = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return [f"ito load {operation}: status {done.returncode}: {done.stderr[-500:]}"]
    return [f"ito load {operation}: {result['failed']} of {result['operations']} failed: {result}"] if result["failed"] else []


def sipp(folder: Path, name: str, scenario: str, *arguments: str) -> subprocess.Popen:
    """Starts a scenario; its errors go to a file."""
    log = (folder / f"sipp-{name}.log").open("ab")
    return subprocess.Popen(
        ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-key", "domain", DOMAIN, "-nostdin",
         "-trace_err", "-error_file", str(folder / f"sipp-{name}.err"), *arguments],
        cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def free_port() -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pairs(server: Server, name: str, caller: str, callees: list[str], rate: int, seconds: float) -> list[str]:
    """SIPp calls a user with a phone for each callee's scenario: calls that are cancelled, and calls that fork."""
    calls = int(rate * seconds)
    remote = f"127.0.0.1:{server.ports['udp']}"
    phones, problems = [], []
    for number, scenario in enumerate(callees):
        port = free_port()
        phones.append(sipp(server.folder, f"{name}-{number}", scenario, "-p", str(port), "-m", str(calls), "-d", "100"))
        registering = sipp(server.folder, f"{name}-register", "register", remote, "-key", "user", name, "-key", "contact",
                           f"sip:{name}@127.0.0.1:{port}", "-key", "expires", str(int(seconds) + 120), "-m", "1")
        if registering.wait():
            problems.append(f"{name}: the phone {scenario} was not registered")
    calling = sipp(server.folder, name, caller, remote, "-s", name, "-key", "user", "caller", "-m", str(calls), "-r",
                   str(rate), "-d", "100")
    try:
        if status := calling.wait(seconds + 60):
            problems.append(f"{name}: SIPp ended with status {status}: {errors(server, name)}")
    except subprocess.TimeoutExpired:
        problems.append(f"{name}: SIPp did not end")
    for process in (calling, *phones):
        process.kill()
        process.wait()
    return problems


def errors(server: Server, name: str) -> str:
    """The last that SIPp has said of an error."""
    path = server.folder / f"sipp-{name}.err"
    return path.read_text(errors="replace")[-600:] if path.exists() else "no error file"


def secure_connections(server: Server, rate: int, seconds: float) -> list[str]:
    """Connects by TLS, asks once, and closes, again and again; the certificate is another one after each reload."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for certificate in server.certificates:
        context.load_verify_locations(certificate)
    problems, number, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        number += 1
        try:
            with socket.create_connection(("127.0.0.1", server.ports["tls"]), timeout=20) as plain:
                with context.wrap_socket(plain, server_hostname=DOMAIN) as stream:
                    stream.sendall(question(number))
                    if not stream.recv(4096).startswith(b"SIP/2.0 200"):
                        problems.append(f"TLS connection {number}: no 200")
        except OSError as error:
            problems.append(f"TLS connection {number}: {error}")
        time.sleep(max(0.0, begun + 1 / rate - time.monotonic()))
    return problems


def question(number: int) -> bytes:
    """An OPTIONS of its own dialogue."""
    lines = [f"OPTIONS sip:{DOMAIN} SIP/2.0", f"Via: SIP/2.0/TLS client.invalid;branch=z9hG4bK{number}", "Max-Forwards: 70",
             f"From: <sip:soak@{DOMAIN}>;tag={number}", f"To: <sip:{DOMAIN}>", f"Call-ID: tls-{number}@soak",
             f"CSeq: {number} OPTIONS", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def reloads(server: Server, interval: float, seconds: float) -> list[str]:
    """Reloads certificate and configuration."""
    end = time.monotonic() + seconds
    while time.monotonic() + interval < end:
        time.sleep(interval)
        server.reload()
    return []


def together(server: Server, turn: int, seconds: float, scale: float) -> list[str]:
    """All of it at once, for a time; what went wrong. The phones of each turn are users of their own."""
    def rate(least: float) -> int:
        return max(1, round(least * scale))

    workers = [
        lambda: generator(server, "register", "udp", rate(4_000), seconds),
        lambda: generator(server, "call", "udp", rate(2_000), seconds),
        lambda: pairs(server, f"cancelled{turn}", "uac_cancel_ringing", ["uas_rings_until_cancel"], rate(100), seconds),
        lambda: pairs(server, f"forked{turn}", "uac", ["uas", "uas_rings_until_cancel"], rate(100), seconds),
        lambda: secure_connections(server, rate(100), seconds),
        lambda: reloads(server, 5, seconds),
    ]
    problems: list[str] = []
    threads = [threading.Thread(target=lambda work=work: problems.extend(work())) for work in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return problems
