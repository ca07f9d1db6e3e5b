"""Writes to the API server: only where something is not as it should be."""

import logging
from datetime import UTC, datetime

from cluster_api.client import Client
from cluster_api.objects import Json, covers, name, spec, status

from tigera_operator import conditions
from tigera_operator.conditions import State
from tigera_operator.defaults import change
from tigera_operator.managed import Managed, owned

MANAGER = "operator"
"""The real one is a client without a name of its own: the server takes its program's."""
OPERATOR = "/apis/operator.tigera.io/v1"

log = logging.getLogger(__name__)


class Keeper:
    """Keeps nothing of its own but what it has said last."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._said: dict[str, State] = {}

    def keep(self, managed: Managed, owner: Json | None = None) -> Json:
        """Apply an object where it is not as it should be; what others added to it stays."""
        wanted = owned(managed, owner) if owner else managed
        live = self._client.find(wanted.path)
        if live is not None and covers(live, wanted.item):
            return live
        log.info("%s %s applied", wanted.item["kind"], name(wanted.item))
        return self._client.apply(wanted.path, wanted.item, MANAGER)

    def write_back(self, installation: Json, after: Json) -> None:
        """Write what was filled in: whole lists, whoever holds them."""
        if patch := change(spec(installation), after):
            log.info("Installation %s: defaults written: %s", name(installation), ", ".join(sorted(patch)))
            self._client.patch(f"{OPERATOR}/installations/{name(installation)}", {"spec": patch}, manager=MANAGER)

    def state(self, plural: str, item: Json, **fields: str) -> None:
        """Write fields of a resource's own status."""
        if not fields.items() <= status(item).items():
            self._client.patch(f"{OPERATOR}/{plural}/{name(item)}/status", {"status": fields}, manager=MANAGER)

    def report(self, title: str, state: State, generation: int) -> None:
        """Write a TigeraStatus."""
        path = f"{OPERATOR}/tigerastatuses"
        live = self._client.find(f"{path}/{title}")
        if live is None:
            kind = {"apiVersion": "operator.tigera.io/v1", "kind": "TigeraStatus"}
            live = self._client.create(path, {**kind, "metadata": {"name": title}, "spec": {}})
        before = status(live).get("conditions") or []
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        after = conditions.conditions(state, before, now, generation)
        if after != before:
            self._client.patch(f"{path}/{title}/status", {"status": {"conditions": after}}, manager=MANAGER)
        if self._said.get(title) != state:
            log.info("%s: %s", title, state.message)
            self._said[title] = state

    def forget(self, title: str) -> None:
        """Remove the TigeraStatus of a resource that is gone."""
        if self._said.pop(title, None) and (live := self._client.find(f"{OPERATOR}/tigerastatuses/{title}")):
            self._client.delete(f"{OPERATOR}/tigerastatuses/{title}", live["metadata"]["uid"])
