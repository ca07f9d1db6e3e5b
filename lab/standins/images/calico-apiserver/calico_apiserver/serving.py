"""What one request asks for and what it is answered: paths, methods and queries to the store and back."""

from collections.abc import Callable
from http import HTTPStatus

from cluster_api.objects import Json
from cluster_api.versions import at_least

from calico_apiserver import documents, refusals, rules, writing
from calico_apiserver.exchange import Answer, Request, events_alone, metadata_alone
from calico_apiserver.kinds import GROUP, VERSION, Kind
from calico_apiserver.refusals import RefusalError
from calico_apiserver.store import Store

APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
ROOT = f"/apis/{GROUP}/{VERSION}"
VALIDATION_SINCE = "3.26.0"
"""From then on its library knows the query fieldValidation (Kubernetes 1.25)."""
TRIES = 5
_PASSED_ON = ("labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch",
              "timeoutSeconds", "allowWatchBookmarks", "sendInitialEvents")  # fmt: skip


class Service:
    """Answers requests for the kinds of one release."""

    def __init__(self, store: Store, kinds: dict[str, Kind], version: str) -> None:
        self._store, self._kinds, self._version = store, kinds, version

    def answer(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            RefusalError: it is refused.

        """
        if request.method == "GET" and (document := self._document(request)) is not None:
            return Answer(document)
        plural, _, title = request.path.removeprefix(f"{ROOT}/").partition("/")
        kind = self._kinds.get(plural) if request.path.startswith(f"{ROOT}/") else None
        if kind is None or "/" in title:
            raise RefusalError(HTTPStatus.NOT_FOUND, "the server could not find the requested resource")
        if not title:
            return self._of_list(request, kind)
        return self._of_object(request, kind, title)

    def _document(self, request: Request) -> Json | None:
        kinds = self._kinds.values()
        if request.path == "/apis" and "as=APIGroupDiscoveryList" in request.accept:
            # The real one has this form; without it kube-apiserver asks for each group's own document.
            raise RefusalError(
                HTTPStatus.NOT_ACCEPTABLE, "only the following media types are accepted: application/json"
            )
        simple: dict[str, Callable[[], Json]] = {
            "/apis": documents.groups,
            f"/apis/{GROUP}": documents.group,
            ROOT: lambda: documents.resources(kinds),
            "/openapi/v2": lambda: documents.openapi_2(kinds, self._version),
            "/openapi/v3": documents.openapi_3_index,
            f"/openapi/v3{ROOT}": lambda: documents.openapi_3(kinds, self._version),
            "/version": lambda: {"major": "3", "minor": self._version.split(".")[1], "gitVersion": f"v{self._version}"},
        }
        return simple[request.path]() if request.path in simple else None

    def _of_list(self, request: Request, kind: Kind) -> Answer:
        query = {key: value for key, value in request.query.items() if key in _PASSED_ON}
        if request.method == "POST":
            item, warnings = self._read(request, kind, "")
            made = writing.new(item, kind, request.manager)
            if not request.dry:
                self._check(kind, made)
                made = self._store.create(kind, made)
            elif self._store.find(kind, str(made["metadata"]["name"])):
                raise refusals.exists(kind.resource, str(made["metadata"]["name"]))
            return Answer(made, HTTPStatus.CREATED, warnings)
        if request.method != "GET":
            raise _not_allowed(request.method)
        if request.query.get("watch") in {"true", "1"}:
            events = self._store.watch(kind, query)
            return Answer({}, events=events_alone(events) if request.partial else events)
        head = {"kind": f"{kind.kind}List", "apiVersion": f"{GROUP}/{VERSION}"}
        found = head | self._store.list(kind, query)
        return Answer(metadata_alone(found) if request.partial else found)

    def _of_object(self, request: Request, kind: Kind, title: str) -> Answer:
        live = self._store.find(kind, title)
        if request.method == "PATCH":
            return self._patch(request, kind, title, live)
        if live is None:
            raise refusals.absent(kind.resource, title)
        if request.method == "GET":
            return Answer(metadata_alone(live) if request.partial else live)
        if request.method == "PUT":
            item, warnings = self._read(request, kind, title)
            return Answer(
                self._keep(request, kind, live, writing.replaced(live, item, kind, request.manager)), warnings=warnings
            )
        if request.method == "DELETE":
            return self._delete(request, kind, live)
        raise _not_allowed(request.method)

    def _read(self, request: Request, kind: Kind, title: str) -> tuple[Json, list[str]]:
        item, dropped = writing.read(request.body, kind, title)
        unknown = [f'unknown field "{path}"' for path in dropped] if at_least(self._version, VALIDATION_SINCE) else []
        if unknown and request.query.get("fieldValidation") == "Strict":
            words = f'{kind.kind} in version "{VERSION}" cannot be handled as a {kind.kind}: strict decoding error: {", ".join(unknown)}'
            raise RefusalError(HTTPStatus.BAD_REQUEST, words)
        return item, unknown if request.query.get("fieldValidation") != "Ignore" else []

    def _patch(self, request: Request, kind: Kind, title: str, live: Json | None) -> Answer:
        """Patch, again where somebody was faster: a patch says what it wants whatever stood there."""
        for turn in range(TRIES):
            try:
                return self._patch_once(request, kind, title, live if turn == 0 else self._store.find(kind, title))
            except RefusalError as refusal:
                named = isinstance(request.body, dict) and (request.body.get("metadata") or {}).get("resourceVersion")
                if refusal.reason not in {"Conflict", "AlreadyExists"} or refusal.details or named or turn == TRIES - 1:
                    raise
        raise refusals.changed(kind.resource, title)

    def _patch_once(self, request: Request, kind: Kind, title: str, live: Json | None) -> Answer:
        if request.content == APPLY:
            if not request.query.get("fieldManager"):
                raise RefusalError(HTTPStatus.BAD_REQUEST, "fieldManager: Required value: is required for apply patch")
            force = request.query.get("force") in {"true", "1"}
            item = writing.applied(live, request.body, kind, title, request.manager, force=force)
            return Answer(self._keep(request, kind, live, item), HTTPStatus.OK if live else HTTPStatus.CREATED)
        if request.content != MERGE or not isinstance(request.body, dict):
            words = f"the body of the request was in an unknown format - accepted media types include: {MERGE}, {APPLY}"
            raise RefusalError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, words)
        if live is None:
            raise refusals.absent(kind.resource, title)
        item, _ = writing.read(writing.merged(live, request.body), kind, title)
        return Answer(self._keep(request, kind, live, writing.replaced(live, item, kind, request.manager)))

    def _keep(self, request: Request, kind: Kind, live: Json | None, item: Json) -> Json:
        if item == live or request.dry:
            return item
        self._check(kind, item)
        return self._store.create(kind, item) if live is None else self._store.replace(kind, item)

    def _check(self, kind: Kind, item: Json) -> None:
        if words := rules.refusal(kind.kind, item):
            raise refusals.broken_rule(words)

    def _delete(self, request: Request, kind: Kind, live: Json) -> Answer:
        options: Json = request.body if isinstance(request.body, dict) else {}
        wanted: Json = options.get("preconditions") or {}
        title = str(live["metadata"]["name"])
        if any(live["metadata"].get(key) != value for key, value in wanted.items()):
            raise refusals.changed(kind.resource, title)
        if not request.dry and options.get("dryRun") != ["All"]:
            self._store.delete(kind, title)
        details = {"name": title, "group": GROUP, "kind": kind.plural, "uid": live["metadata"].get("uid", "")}
        return Answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def _not_allowed(method: str) -> RefusalError:
    return RefusalError(
        HTTPStatus.METHOD_NOT_ALLOWED, f"the server does not allow this method on the requested resource: {method}"
    )
