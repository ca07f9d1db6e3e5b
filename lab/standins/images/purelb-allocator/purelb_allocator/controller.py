"""The allocator: see services and groups, decide, write."""

import logging
import secrets
from datetime import UTC, datetime

from cluster_api.access import Access
from cluster_api.client import ApiError, Client
from cluster_api.loop import Loop
from cluster_api.objects import Json, name, namespace, qualified_name, status

from purelb_allocator.decisions import ALLOCATED_BY, ALLOCATED_FROM, BRAND, POOL_TYPE, Assignment, Decisions, decide
from purelb_allocator.groups import Address, Group, group
from purelb_allocator.habits import Habits

RESYNC_SECONDS = 300.0

log = logging.getLogger(__name__)


class Controller:
    """The services' own status is the record of what is allocated; a restart reads it and knows all."""

    def __init__(self, access: Access, home: str, habits: Habits) -> None:
        self._client = Client(access)
        self._home = home
        self._habits = habits
        groups = f"/apis/purelb.io/{habits.api}/servicegroups"
        self._loop = Loop(access, {"services": "/api/v1/services", "groups": groups})
        self._given: dict[str, tuple[Address, ...]] = {}
        self._unsure: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._warned: set[tuple[str, str]] = set()

    def stop(self) -> None:
        """End."""
        self._loop.stop()

    def run(self) -> None:
        """Work until stopped."""
        self._loop.run(self._allocate)

    def _allocate(self) -> float:
        self._make_sure()
        services = self._loop.objects("services")
        shown = {str(item["metadata"]["uid"]): bool(_ingress(item)) for item in services}
        self._given = {uid: given for uid, given in self._given.items() if not shown.get(uid, True)}
        decisions = decide(services, self._usable_groups(), self._given, self._habits)
        for item in decisions.releases:
            self._release(item)
        for item, reason, words in decisions.warnings:
            self._warn(item, reason, words)
        for assignment in decisions.assignments:
            self._assign(assignment)
        self._explain(decisions)
        return RESYNC_SECONDS

    def _usable_groups(self) -> dict[str, Group]:
        """Read the groups; where two share a name, the one in our own namespace counts."""
        items = sorted(self._loop.objects("groups"), key=lambda item: namespace(item) == self._home)
        groups: dict[str, Group] = {}
        for item in items:
            try:
                groups[name(item)] = group(item)
            except (ValueError, KeyError) as error:
                self._tell(item, "ParseFailed", str(error))
        return groups

    def _make_sure(self) -> None:
        """Ask about the writes whose answer got lost: until then their addresses must not go to anybody else."""
        for uid, path in list(self._unsure.items()):
            item = self._client.find(path)
            if item is None or item["metadata"]["uid"] != uid or not _ingress(item):
                self._given.pop(uid, None)
            del self._unsure[uid]

    def _assign(self, assignment: Assignment) -> None:
        """Mark the service as ours, then show the address; in between it counts as having none."""
        path, metadata = _path(assignment.service), assignment.service["metadata"]
        uid = str(metadata["uid"])
        marks = {ALLOCATED_BY: BRAND, ALLOCATED_FROM: assignment.group}
        mode = {}
        if self._habits.talkative:
            marks[POOL_TYPE] = assignment.kind
            mode["ipMode"] = "VIP"
        shown = [{"ip": str(address), **mode} for address in assignment.addresses]
        # The version makes the API server refuse when the service has changed since the decision.
        marked = self._client.patch(
            path, {"metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": marks}}
        )
        self._given[uid], self._unsure[uid] = assignment.addresses, path
        ingress = {"loadBalancer": {"ingress": shown}}
        version = {"resourceVersion": marked["metadata"]["resourceVersion"]}
        self._client.patch(f"{path}/status", {"metadata": version, "status": ingress})
        del self._unsure[uid]
        self._refused.pop(uid, None)
        words = f"Assigned IP {', '.join(map(str, assignment.addresses))} from pool {assignment.group}"
        log.info("%s: %s", qualified_name(assignment.service), words)
        self._event(assignment.service, "Normal", "AddressAssigned" if self._habits.talkative else "IPAllocated", words)

    def _release(self, item: Json) -> None:
        """Take the address from a service that is no LoadBalancer any more, and the marks last."""
        self._client.patch(f"{_path(item)}/status", {"status": {"loadBalancer": {"ingress": None}}})
        marks = dict.fromkeys((ALLOCATED_BY, ALLOCATED_FROM, POOL_TYPE))
        self._client.patch(_path(item), {"metadata": {"annotations": marks}})
        log.info("%s: released, not a LoadBalancer any more", qualified_name(item))
        self._event(
            item,
            "Normal",
            "AddressReleased" if self._habits.talkative else "IPReleased",
            "Service is not a LoadBalancer",
        )

    def _explain(self, decisions: Decisions) -> None:
        for item, reason in decisions.refusals:
            self._tell(item, "AllocationFailed", f"Failed to allocate IP for {qualified_name(item)!r}: {reason}")

    def _tell(self, item: Json, reason: str, words: str) -> None:
        """Say a failure once, until it changes."""
        uid = str(item["metadata"]["uid"])
        if self._refused.get(uid) != words:
            log.warning("%s: %s", qualified_name(item), words)
            self._event(item, "Warning", reason, words)
            self._refused[uid] = words

    def _warn(self, item: Json, reason: str, words: str) -> None:
        """Say a warning once for each service: what it is of does not stop anything."""
        known = (str(item["metadata"]["uid"]), reason)
        if known not in self._warned:
            self._warned.add(known)
            log.info("%s: %s", qualified_name(item), words)
            self._event(item, "Normal", reason, words)

    def _event(self, item: Json, kind: str, reason: str, words: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"namespace": namespace(item), "name": name(item), "uid": item["metadata"]["uid"]}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": namespace(item), "name": f"{name(item)}.{secrets.token_hex(8)}"},
            "involvedObject": about | {"apiVersion": item.get("apiVersion", "v1"), "kind": item.get("kind", "Service")},
            "type": kind,
            "reason": reason,
            "message": words,
            "source": {"component": "purelb-allocator"},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._client.create(f"/api/v1/namespaces/{namespace(item)}/events", event)
        except ApiError as error:
            log.warning("no event: %s", error)  # its namespace may be going away


def _ingress(item: Json) -> list[Json]:
    ingress: list[Json] = (status(item).get("loadBalancer") or {}).get("ingress") or []
    return ingress


def _path(item: Json) -> str:
    return f"/api/v1/namespaces/{namespace(item)}/services/{name(item)}"
