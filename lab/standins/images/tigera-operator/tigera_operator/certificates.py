"""The certificate of the API server, made by the openssl program: its own authority, as the operator makes one."""

import base64
import subprocess
import tempfile
from pathlib import Path

DAYS = 825


def self_signed(names: list[str]) -> tuple[str, str]:
    """Make a key and a certificate for these names that is its own authority.

    Returns:
        The key and the certificate in base64, as Secrets hold them.

    Raises:
        OSError: there is no openssl program.
        subprocess.CalledProcessError: it did not make them.

    """
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder) / "tls.key", Path(folder) / "tls.crt"
        extension = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", str(DAYS), "-subj", f"/CN={names[0]}", "-addext", extension, "-addext", "extendedKeyUsage=serverAuth",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        return base64.b64encode(key.read_bytes()).decode(), base64.b64encode(certificate.read_bytes()).decode()
