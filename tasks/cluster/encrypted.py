"""What is in etcd already is encrypted when it is written again: so every object is, once a key (Kubernetes: Encrypting Confidential Data).

Which key that was last is kept in a ConfigMap, since the API does not say what an object is encrypted with.
"""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from kubepeer.change import Change, made
from kubepeer.run import Run, waiting
from tasks.cluster.api import ATTEMPTS, FIELD_MANAGER, RETRY_SECONDS, KubernetesApi, Manifest
from tasks.cluster.differences import AT_ONCE, CONFLICT
from tasks.cluster.refusal import NOT_FOUND, ApiRefusal

STATE = "/api/v1/namespaces/kube-system/configmaps/kubepeer-encryption"
KINDS = {"secrets": "Secret", "configmaps": "ConfigMap"}
PAGE = 200
EXPIRED = 410  # the list has become too old to go on with
PLAIN = "identity"


def rewrite(run: Run, api: KubernetesApi, keys: Mapping[str, str]) -> Change | None:
    """Write every object of these kinds again, where that was not done with their key; None where it was.

    Args:
        run: the running run.
        api: the cluster's.
        keys: name of KINDS -> the name of the key that all apiservers write it with; PLAIN for none.

    """
    stands = api.get(STATE)
    before = {} if stands is None else stands.get("data") or {}
    after = {**before, **keys}
    lacking = [resource for resource, key in keys.items() if before.get(resource, PLAIN) != key]
    if not lacking:
        return None
    change = Change("objects in etcd", _shown(before), _shown(after))
    if run.options.dry_run:
        return change
    for resource in lacking:
        _rewrite(api, resource)
    metadata = {"name": "kubepeer-encryption", "namespace": "kube-system"}
    api.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": after}, dry_run=False)
    made(change)
    return change


def _shown(found: dict[str, str]) -> str | None:
    return "".join(f"{resource}: {key}\n" for resource, key in sorted(found.items())) or None


def _rewrite(api: KubernetesApi, resource: str) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        count = 0
        for page in _pages(api, resource):
            list(pool.map(partial(_write_again, api, resource), page))
            count += len(page)
            waiting(f"for {count} {resource} to be written again")


def _pages(api: KubernetesApi, resource: str) -> Iterator[list[Manifest]]:
    """The objects of a kind, in pages; from the beginning where the list has expired: to write one twice does no harm."""
    token = ""
    while True:
        query = {"limit": str(PAGE)} | ({"continue": token} if token else {})
        try:
            answer = api.get(f"/api/v1/{resource}", query) or {}
        except ApiRefusal as refusal:
            if refusal.status != EXPIRED or not token:
                raise
            token = ""
            continue
        yield list(answer.get("items") or [])
        token = (answer.get("metadata") or {}).get("continue") or ""
        if not token:
            return


def _write_again(api: KubernetesApi, resource: str, found: Manifest) -> None:
    """As it was read; what somebody else has written or deleted meanwhile is as good."""
    metadata = found["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/{resource}/{metadata['name']}"
    body = {"apiVersion": "v1", "kind": KINDS[resource], **found}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            api.call("PUT", path, query={"fieldManager": FIELD_MANAGER}, body=body)
        except ApiRefusal as refusal:
            if refusal.status in (CONFLICT, NOT_FOUND):
                return
            if attempt == ATTEMPTS or not refusal.passing:
                raise
            time.sleep(RETRY_SECONDS)
        else:
            return
