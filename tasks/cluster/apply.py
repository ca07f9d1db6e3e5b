"""Plan, apply and wait for the cluster's objects: what Calico's, PureLB's and the workload's phases share."""

from collections.abc import Callable, Sequence
from functools import partial

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError
from kubepeer.fetch import fetch
from kubepeer.memory import Memory
from kubepeer.run import Run
from tasks.cluster import manifests, waits
from tasks.cluster.api import KubernetesApi, Manifest
from tasks.cluster.differences import name_of, plan_objects, store

ROLLOUT_SECONDS = 300  # images may come from far away
SERVED_SECONDS = 120
OURS = "app.kubernetes.io/managed-by=kubepeer"
MANIFEST = Memory[list[Manifest]]("a project's manifest, by its address")


def apply(
    run: Run, api: KubernetesApi | None, wanted: Sequence[Manifest], coming: Sequence[Manifest] | None = None
) -> list[Change]:
    """Bring objects to what they should be, in the given order; in a dry run, what would change.

    Args:
        run: the running run.
        api: the API; None where none runs yet.
        wanted: the objects.
        coming: of a dry run: the manifests of a version that would have come before these are written; None where none would.

    Raises:
        CommandError: there is no cluster to change, or it refuses.

    """
    if api is None and not run.options.dry_run:
        raise CommandError("there is no cluster to change", cure="see the errors above")
    planned = plan_objects(api, wanted, coming)
    if not run.options.dry_run and api is not None:
        for manifest, change in planned:
            about_to_change((change,))
            served = partial(api.serves, str(manifest["apiVersion"]), manifest["kind"])
            waits.until(served, SERVED_SECONDS)  # a kind whose definition has just been made is served a moment later
            store(api, manifest, api.get(str(api.path_of(manifest))), dry_run=False)
            made(change)
    return [change for _, change in planned]


def delete(run: Run, api: KubernetesApi, path: str, change: Change) -> Change:
    """Delete an object, unless nothing is to be changed; the change that it is."""
    if not run.options.dry_run:
        about_to_change((change,))
        api.delete(path)
        made(change)
    return change


def delete_ours(run: Run, api: KubernetesApi | None, path: str, kind: str, wanted: Sequence[Manifest]) -> list[Change]:
    """Delete the objects of a kind that have our label and are no longer wanted."""
    if api is None:
        return []
    names = {manifest["metadata"]["name"] for manifest in wanted if manifest["kind"] == kind}
    found = (api.get(path, {"labelSelector": OURS}) or {}).get("items") or []
    gone = [one for one in found if one["metadata"]["name"] not in names]
    return [
        delete(
            run,
            api,
            f"{path}/{one['metadata']['name']}",
            Change(name_of({**one, "kind": kind}), str((one.get("spec") or {}).get("peerIP", "stands")), None),
        )
        for one in gone
    ]


def wait(
    run: Run,
    api: KubernetesApi | None,
    problem: Callable[[KubernetesApi], str],
    seconds: float,
    *namespaces: str,
    crashing: str = "",
) -> None:
    """Wait for a condition; when it does not come, the error says what keeps the pods of these namespaces from running.

    Args:
        run: the running run; in a dry run nothing is waited for.
        api: the API.
        problem: what is missing, "" when nothing is.
        seconds: until it is given up.
        namespaces: whose pods do the work.
        crashing: a namespace whose pods, when they crash again and again, make the waiting vain.

    """
    if api is None or run.options.dry_run:
        return
    why = partial(waits.trouble, api, *namespaces) if namespaces else None
    waits.until(lambda: problem(api), seconds, why, waits.CrashLoop(api, crashing) if crashing else None)


def fetched(run: Run, key: str, address: str) -> list[Manifest]:
    """A project's manifest, as it stands at its address; fetched once a run.

    Args:
        run: the running run.
        key: of the inventory, under which the address stands.
        address: of the manifest.

    Raises:
        CommandError: it cannot be had, or is no manifest.

    """

    def read() -> list[Manifest]:
        text = fetch(address, run.settings.folder)
        try:
            return manifests.parsed(text)
        except manifests.UnreadableError as error:
            raise CommandError(f"{address} {error}", cure=f"correct {key} in the inventory") from error

    return run.once(MANIFEST, read, of=address)
