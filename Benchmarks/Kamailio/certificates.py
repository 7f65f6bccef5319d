"""The certificate that both servers show, and what makes both choose the same cipher."""
import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from processes import required

# The only suite that Kamailio's OpenSSL offers here. Ours prefers it where the processor has instructions for AES.
SUITE = "TLS_AES_128_GCM_SHA256"
VERSION = "TLS 1.3"


@functools.cache
def folder() -> Path:
    """A folder with all files, for as long as this process lives."""
    path = Path(tempfile.mkdtemp(prefix="itodenwa-bench-tls-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    subprocess.run(
        [required("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(path / "key.pem"), "-out", str(path / "certificate.pem")],
        check=True, stderr=subprocess.DEVNULL)
    (path / "openssl.cnf").write_text(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = suites\n"
        f"[suites]\nCiphersuites = {SUITE}\n")
    return path


def authority() -> Path:
    """Whom clients believe: the certificate is signed by itself."""
    return folder() / "certificate.pem"


def key() -> Path:
    """The private key."""
    return folder() / "key.pem"


def openssl_settings() -> Path:
    """The configuration of OpenSSL for Kamailio."""
    return folder() / "openssl.cnf"
