"""The Kubernetes API through the virtual IP: its paths by HTTPS, as they stand in its reference.

Objects travel as plain dictionaries: the manifests that we apply are not ours to model, and server-side apply wants them as they stand.
Of the official client nothing else would be left than its urllib3, and that alone is loaded in a fifth of the time.
"""

import json
import ssl
import tempfile
import time
from collections.abc import Mapping
from threading import Lock
from typing import Any
from urllib.parse import urlencode

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

from kubepeer.errors import CommandError, UnreachableError
from tasks.cluster.kubeconfig import Credentials, UnusableError, credentials
from tasks.cluster.refusal import NOT_FOUND, ApiRefusal, message_of

FIELD_MANAGER = "kubepeer"
TIMEOUT_SECONDS = urllib3.Timeout(connect=3.0, read=20.0)
CONNECTIONS = 10  # that are kept, of those that were open at the same time
# The one retry policy of the API: haproxy cuts a connection when it marks an apiserver down, the virtual IP may move, etcd may be electing
# a leader (500). What can be said twice without harm is said again, often enough for a failover (3 s in the lab) to pass.
REPEATABLE = ("GET", "PATCH", "DELETE")
ATTEMPTS, RETRY_SECONDS = 4, 1.5
Manifest = dict[str, Any]


class KubernetesApi:
    """A connection to one cluster's API, with the rights of its kubeconfig."""

    def __init__(self, kubeconfig: str, server: str, server_name: str | None, found: Credentials | None = None) -> None:
        """Open nothing yet.

        Args:
            kubeconfig: the text of an admin.conf with embedded certificates.
            server: where to connect, https://ADDRESS:PORT; not the name in the kubeconfig, which the controller may not resolve.
            server_name: the name to check the server's certificate against; None: the host of `server`.
            found: the credentials, where they are not those of `kubeconfig`.

        Raises:
            UnusableError: the kubeconfig is none, or not whole.

        """
        found = found or credentials(kubeconfig)
        self.server = server
        self.kubeconfig = kubeconfig
        self.ca = found.ca
        self._who = {"Authorization": f"Bearer {found.token}"} if found.token else {}
        # no proxy of the environment: whoever it is, the virtual IP is not behind it. Who waits for the API says so with a deadline.
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            retries=urllib3.Retry(connect=0, read=0, redirect=0, other=0),
            timeout=TIMEOUT_SECONDS,
            ssl_context=_tls(found),
            server_hostname=server_name,
        )
        self._kinds: dict[tuple[str, str], tuple[str, bool]] = {}
        self._descriptions: dict[str, Mapping[str, Any]] = {}
        self._describing = Lock()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Any:
        """One request; the decoded answer.

        Raises:
            UnreachableError: nobody answers at the address.
            CommandError: the API refuses; with its own words. `status` in the message is the HTTP code.

        """
        attempts = ATTEMPTS if method in REPEATABLE else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._call_once(method, path, query, body, content_type)
            except (UnreachableError, ApiRefusal) as error:
                passing = isinstance(error, UnreachableError) or error.passing
                if attempt == attempts or not passing:
                    raise
                time.sleep(RETRY_SECONDS)
        raise AssertionError

    def _call_once(
        self, method: str, path: str, query: Mapping[str, str] | None, body: object, content_type: str
    ) -> Any:
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._who}
        target = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            sent = None if body is None else json.dumps(body)
            response = self._pool.request(method, target, headers=headers, body=sent)
            text = response.data.decode(errors="replace")
        except urllib3.exceptions.HTTPError as error:
            reason = getattr(error, "reason", None) or error
            raise UnreachableError(f"the Kubernetes API at {self.server} does not answer: {reason}") from error
        if response.status >= 400:  # noqa: PLR2004  HTTP: client and server errors
            raise ApiRefusal(response.status, f"{method} {path}", message_of(text))
        try:
            return json.loads(text) if text.startswith(("{", "[")) else text
        except ValueError as error:
            raise CommandError(
                f"{method} {path}: the API's answer is no whole JSON: {error}", cure="run again"
            ) from error

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Any | None:
        """An object or a list; None where there is none, or no such API."""
        try:
            return self.call("GET", path, query=query)
        except ApiRefusal as refusal:
            if refusal.status == NOT_FOUND:
                return None
            raise

    def delete(self, path: str, options: Mapping[str, Any] | None = None) -> None:
        """Delete an object; none is as good.

        Args:
            path: of the object.
            options: DeleteOptions: what must be true of it, how long it has to end.

        """
        try:
            self.call("DELETE", path, body=options)
        except ApiRefusal as refusal:
            if refusal.status != NOT_FOUND:
                raise

    def items(self, path: str) -> list[Manifest]:
        """The items of a list; none where there is no such API."""
        answer = self.get(path)
        return [] if answer is None else list(answer.get("items") or [])

    def nodes(self) -> dict[str, Manifest]:
        """The nodes that are registered: full name -> metadata."""
        return {node["metadata"]["name"]: node["metadata"] for node in self.items("/api/v1/nodes")}

    def description_of(self, version: str) -> Mapping[str, Any]:
        """What the API says of a group and version (OpenAPI v3), asked once a run; empty where it says nothing, or nothing yet."""
        with self._describing:
            if version not in self._descriptions:
                base = f"apis/{version}" if "/" in version else f"api/{version}"
                try:
                    answer = self._described(base)
                except (
                    UnreachableError
                ):  # a definition has just changed, and its description's address, which is redirected
                    answer = self._described(base)
                except ApiRefusal:
                    return {}  # the server behind it has just come
                if not isinstance(answer, dict):
                    return {}
                self._descriptions[version] = answer
            return self._descriptions[version]

    def forget_descriptions(self) -> None:
        """Ask anew what the API says of itself: another version of what serves a group is on its way."""
        with self._describing:
            self._descriptions.clear()

    def _described(self, base: str) -> Any | None:
        """What stands at the address of a description: it holds the description's hash (KEP 2896)."""
        known = (self.get("/openapi/v3") or {}).get("paths", {}).get(base)
        return self.get(known["serverRelativeURL"]) if known else None

    def serves(self, version: str, kind: str) -> str:
        """Whether the API serves a kind now: "" when it does, or what it says instead (503 while the server behind it starts)."""
        try:
            found = self.path_of({"apiVersion": version, "kind": kind, "metadata": {"name": "default"}})
        except ApiRefusal as refusal:
            if not refusal.passing:
                raise
            return f"{version} answers {refusal.status}: {refusal.said}"
        return "" if found else f"no API serves {kind} of {version} yet"

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> str:
        """The last lines of a container, or of the one before it; "" where there are none to be had."""
        query = {"container": container, "tailLines": "5", "previous": str(previous).lower()}
        try:
            return str(self.call("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log", query=query))
        except CommandError:
            return ""

    def path_of(self, manifest: Manifest) -> str | None:
        """Where an object lives, by the API's own discovery; None while its kind is not served."""
        version, kind = manifest["apiVersion"], manifest["kind"]
        base = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if (version, kind) not in self._kinds:
            served = self.get(base)
            for resource in (served or {}).get("resources", []):
                if "/" not in resource["name"]:
                    self._kinds[version, resource["kind"]] = (resource["name"], resource["namespaced"])
            if (version, kind) not in self._kinds:
                return None
        plural, namespaced = self._kinds[version, kind]
        metadata = manifest["metadata"]
        namespace = f"/namespaces/{metadata.get('namespace', 'default')}" if namespaced else ""
        return f"{base}{namespace}/{plural}/{metadata['name']}"

    def apply(self, manifest: Manifest, *, dry_run: bool) -> Manifest:
        """Server-side apply; in a dry run the API answers what it would have stored.

        Raises:
            ApiRefusal: the API refuses the object, or does not serve its kind (status 404).

        """
        path = self.path_of(manifest)
        if path is None:
            raise ApiRefusal(
                NOT_FOUND,
                f"apply {manifest['kind']} {manifest['metadata']['name']}",
                f"no API serves {manifest['kind']} of {manifest['apiVersion']}",
            )
        query = {"fieldManager": FIELD_MANAGER, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        answer: Manifest = self.call(
            "PATCH", path, query=query, body=manifest, content_type="application/apply-patch+yaml"
        )
        return answer


def _tls(found: Credentials) -> ssl.SSLContext:
    """What proves both ends to each other. OpenSSL takes a key from a file alone: it is there for that moment, and for its owner.

    Raises:
        UnusableError: OpenSSL can read none of them.

    """
    context = create_urllib3_context()
    try:
        context.load_verify_locations(cadata=found.ca)
        if found.certificate:
            with tempfile.NamedTemporaryFile("w", prefix="kubepeer-", encoding="utf-8") as file:  # mode 0600
                file.write(f"{found.certificate}\n{found.key}")
                file.flush()
                context.load_cert_chain(file.name)
    except ssl.SSLError as error:
        raise UnusableError(f"has a certificate or a key that is none: {error.reason}") from error
    return context
