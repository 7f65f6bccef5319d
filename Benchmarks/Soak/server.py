"""A server for the soak: its process, its files, and what it holds."""
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Heap"))
import heap  # noqa: E402

DOMAIN = "soak.test"


class Server:
    """`ito serve` with two lanes, bindings in SQLite, and listeners for UDP, TCP and TLS."""

    def __init__(self, ito: str, folder: Path):
        self.ito, self.folder, self.data = ito, folder, folder / "data"
        self.certificates = [self._certificate(number) for number in (0, 1)]
        self.reloads = 0
        self._write_settings()
        self.log = (folder / "server.log").open("wb")
        command = [ito, "serve", "--config", str(folder / "ito.yaml")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=heap.environment(heap.library(folder), folder / "heap"))
        words = self.process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise SystemExit(f"the server did not start:\n{self.tail()}")
        self.ports = {url.split(":")[0]: int(url.rsplit(":", 1)[1]) for url in words[1:]}

    def _certificate(self, number: int) -> Path:
        path = self.folder / f"certificate-{number}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={DOMAIN}", "-addext", f"subjectAltName=DNS:{DOMAIN}", "-keyout", f"{path}.key", "-out", path],
            check=True, stderr=subprocess.DEVNULL)
        return path

    def _write_settings(self) -> None:
        shown = self.certificates[self.reloads % 2]
        for name, source in (("shown.pem", shown), ("shown.key", Path(f"{shown}.key"))):
            # A reader sees the old file or the new one, and no half of either.
            (self.folder / f"{name}.new").write_bytes(source.read_bytes())
            (self.folder / f"{name}.new").rename(self.folder / name)
        (self.folder / "ito.yaml.new").write_text(
            f"""
data-folder: {self.data}
domains: [{DOMAIN}]
listeners: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://127.0.0.1:0"]
lanes: {{count: 2}}
authentication: {{required: false}}
tls: {{certificate: {self.folder}/shown.pem, key: {self.folder}/shown.key}}
proxy: {{ring-time: {20 + self.reloads % 2}s}}
""")
        (self.folder / "ito.yaml.new").rename(self.folder / "ito.yaml")

    def reload(self) -> None:
        """Another certificate and another setting, by SIGHUP."""
        self.reloads += 1
        self._write_settings()
        os.kill(self.process.pid, signal.SIGHUP)

    def holdings(self) -> dict[str, int]:
        """What it has, when it rests: bytes of live heap, bytes of memory, and descriptors."""
        return {"heap": heap.live(self.process, self.folder / "heap"), "memory": self._memory(), "descriptors": self._descriptors()}

    def processor_time(self) -> float:
        """Seconds that it has computed, in user space and in the kernel."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self) -> int:
        """The memory that it alone has, in bytes: what is mapped from files is left out, as other programs may share it or not."""
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss_Anon:\s+(\d+) kB", text, re.MULTILINE).group(1)) << 10

    def _descriptors(self) -> int:
        """Files and sockets that it has open."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @staticmethod
    def growth(first: dict, last: dict, heap: int, memory: int, descriptors: int) -> list[str]:
        """What has grown between two looks by more than the bytes and descriptors that are given. Memory may in any case come up to the
        live heap: buffers that were allocated at the start take pages when they are first written to."""
        most = {"heap": first["heap"] + heap, "memory": max(first["memory"], last["heap"]) + memory,
                "descriptors": first["descriptors"] + descriptors}
        return [f"{what} grew from {first[what]} to {last[what]}, beyond {limit:.0f}"
                for what, limit in most.items() if last[what] > limit]

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join((self.folder / "server.log").read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> int:
        """Ends it; its exit status."""
        self.process.terminate()
        return self.process.wait(30)
