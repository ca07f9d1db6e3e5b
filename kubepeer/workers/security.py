"""What Dask's connections are encrypted with."""

import ssl
from pathlib import Path

from distributed.security import Security

from kubepeer.errors import UsageError
from kubepeer.workers.options import CURE, Workers


def security(workers: Workers, folder: Path) -> Security:
    """TLS for a client and a worker, where the address is one of TLS.

    Args:
        workers: what config.yaml says of them.
        folder: relative file names are taken from here.

    Raises:
        UsageError: a file of it is not there, or is none.

    """
    if workers.tls is None:
        return Security()
    named = {"ca": workers.tls.ca, "certificate": workers.tls.certificate, "key": workers.tls.key}
    files = {key: str(folder / Path(name).expanduser()) for key, name in named.items()}
    try:
        ssl.create_default_context(cafile=files["ca"]).load_cert_chain(files["certificate"], files["key"])
    except OSError as error:  # ssl.SSLError, too
        said = f"runner.options.tls: {error.strerror or error}"
        raise UsageError(f"{said} ({', '.join(files.values())}). Nothing was contacted.", cure=CURE) from error
    return Security(
        require_encryption=True,
        tls_ca_file=files["ca"],
        tls_client_cert=files["certificate"],
        tls_client_key=files["key"],
        tls_worker_cert=files["certificate"],
        tls_worker_key=files["key"],
    )
