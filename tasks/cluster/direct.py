"""The API of a cluster that Kubepeer did not build, asked directly: what refuses says which right, which token, which CA it was."""

import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kubepeer.errors import InventoryError, UnreachableError
from kubepeer.intent.cluster_api import ClusterApi
from kubepeer.run import Run
from kubepeer.secret import Redactor, read_private
from tasks.cluster.api import KubernetesApi
from tasks.cluster.denial import UNAUTHORIZED, another_certificate, forbidden, login_refused
from tasks.cluster.given_kubeconfig import Part, given
from tasks.cluster.kubeconfig import PEM, Credentials, UnusableError
from tasks.cluster.refusal import FORBIDDEN, ApiRefusal

ASK_SECONDS = 0.5  # between two questions whether it is ready: nobody tells
NOTHING = "Nothing was contacted."


class DirectApi(KubernetesApi):
    """A connection with the rights of a service account, or of whoever the kubeconfig is of."""

    def __init__(self, server: str, server_name: str | None, found: Credentials, source: str) -> None:
        """Open nothing yet; `source` is where the login stands, as an error names it."""
        super().__init__("", server, server_name, found)
        self._source, self._token = source, found.token

    def _call_once(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content_type: str
    ) -> Any:
        try:
            return super()._call_once(method, path, query, body, content_type)
        except ApiRefusal as refusal:
            if refusal.status == UNAUTHORIZED:
                raise login_refused(self.server, self._source, self._token, datetime.now(UTC)) from refusal
            if refusal.status == FORBIDDEN:
                raise forbidden(refusal.said) from refusal
            raise
        except UnreachableError as error:
            for cause in _causes(error):
                if isinstance(cause, ssl.SSLCertVerificationError):
                    raise another_certificate(self.server, self._source, cause.verify_message) from error
            raise


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error with all that led to it: urllib3 keeps the reason of a connection that failed in an attribute, too."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None:
            yield one
            reason = getattr(one, "reason", None)
            inner = [argument for argument in one.args if isinstance(argument, BaseException)]
            waiting += [one.__cause__, reason if isinstance(reason, BaseException) else None, *inner]


def ready(api: KubernetesApi, wait_seconds: float = 0) -> None:
    """Wait until the API is ready.

    Raises:
        DeniedError: it does not take the login, or is not the API that it should be.
        UnreachableError: it does not answer, or is not ready, when the time is over; says what it said last.

    """
    ends = time.monotonic() + wait_seconds
    while True:
        try:
            answer = str(api.call("GET", "/readyz")).strip()
            problem = (
                "" if answer == "ok" else f"GET /readyz: {answer.splitlines()[0] if answer else 'an empty answer'}"
            )
        except (ApiRefusal, UnreachableError) as error:
            problem = error.message
        if not problem:
            return
        if time.monotonic() >= ends:
            raise UnreachableError(
                f"the Kubernetes API at {api.server} is not ready: {problem}",
                cure="look whether it answers from this machine, and whether the inventory names its address",
            )
        time.sleep(ASK_SECONDS)


def connect(run: Run) -> DirectApi:
    """The API that the inventory names.

    Raises:
        InventoryError: the kubeconfig, the CA or the token cannot be used.

    """
    cluster, folder = run.intent.cluster, run.settings.folder
    if cluster.api is not None:
        return by_address(cluster.api, folder, run.redactor)
    return from_kubeconfig(folder / Path(str(cluster.kubeconfig)).expanduser(), run.redactor)[0]


def by_address(said: ClusterApi, folder: Path, redactor: Redactor) -> DirectApi:
    """The API at an address, by a token.

    Args:
        said: the section cluster.api.
        folder: that relative paths are taken from.
        redactor: learns the token.

    Raises:
        InventoryError: the CA or the token cannot be used.

    """
    token = redactor.learn(said.token.read("cluster.api.token", folder))
    ca = _certificate(_text(folder, said.ca, "cluster.api.ca"), "cluster.api.ca")
    return _usable("cluster.api", said.server, said.server_name, Credentials(ca, token=token))


def from_kubeconfig(path: Path, redactor: Redactor) -> tuple[DirectApi, str]:
    """The API by a kubeconfig, with all files that it names; and what the cluster is called there.

    Raises:
        InventoryError: it cannot be used; says why, and what to do.

    """
    source = f"the kubeconfig {path}"
    try:
        found = given(read_private(path, "cluster.kubeconfig"))
    except UnusableError as error:
        raise InventoryError(
            f"{source} {error}. {NOTHING}", cure=getattr(error, "cure", "another kubeconfig")
        ) from error

    def text(part: Part | None, what: str, *, secret: bool = False) -> str:
        if part is None:
            return ""
        if not part.file:
            return redactor.learn(part.text) if secret else part.text
        if secret:
            return redactor.learn(read_private(path.parent / part.file, f"{what} of {source}"))
        return _text(path.parent, part.file, f"{what} of {source}")

    credentials = Credentials(
        ca=_certificate(text(found.ca, "certificate-authority"), f"certificate-authority of {source}"),
        certificate=text(found.certificate, "client-certificate"),
        key=text(found.key, "client-key", secret=True),
        token=text(found.token, "tokenFile", secret=True).strip(),
    )
    return _usable(source, found.server, found.server_name, credentials), found.name


def _usable(source: str, server: str, server_name: str | None, found: Credentials) -> DirectApi:
    try:
        return DirectApi(server, server_name, found, source)
    except UnusableError as error:
        raise InventoryError(f"{source} {error}. {NOTHING}", cure="the certificates and the key in PEM") from error


def _text(folder: Path, named: str, what: str) -> str:
    path = folder / Path(named).expanduser()
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise InventoryError(f"{what}: {path}: {why}. {NOTHING}", cure="the file, or its content embedded") from error


def _certificate(text: str, what: str) -> str:
    if not all(mark in text for mark in PEM):
        raise InventoryError(f"{what} is no certificate in PEM. {NOTHING}", cure="the cluster's ca.crt")
    return text
