"""The control plane's static pods: one that got another manifest is waited for, and gets the old one again where it does not return."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.intent.families import in_url
from tasks.cluster import obstacles, waits
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import manifests, settled
from tasks.control_plane.explain import explain
from tasks.control_plane.record import SettingsSeen
from tasks.control_plane.settings import APISERVER, ETCD
from tasks.linux.apply import apply
from tasks.linux.shell import Shell, SshShell
from tasks.linux.state import LinuxChange, Write

POD_SECONDS = 150  # a container that crashes at once is told sooner
SAME_SECONDS = 45  # the kubelet looks at the folder every 20 s where nothing tells it sooner
ATTEMPTS = 3  # of a container that was started anew: the setting, and no accident
HASH = "kubernetes.io/config.hash"  # of a static pod's manifest, by the kubelet
CONTROL_PLANE_PODS = "/api/v1/namespaces/kube-system/pods"
READYZ = "curl --noproxy '*' -sk --max-time 3 https://{address}:6443/readyz; true"


def ready(shell: Shell, address: str = "127.0.0.1") -> bool:
    """Whether an apiserver says itself that it is ready, and its etcd with it.

    Its pod in the API may say so while it is down: where the kubelet asks the apiserver of its own machine, it can tell nobody.
    """
    return shell.run(READYZ.format(address=in_url(address)), deadline=20).text.strip() == "ok"


def refuse_while_unwell(shell: Shell, node: Node, others: Sequence[Node]) -> None:
    """A control plane is not touched while another is not well.

    Raises:
        CommandError: the apiserver of one of the others is not ready, and does not become so.

    """

    def unwell() -> str:
        bad = [one.name for one in others if not ready(shell, str(one.address))]
        return f"the apiserver of {', '.join(bad)} is not ready" if bad else ""

    try:
        waits.until(unwell, POD_SECONDS)
    except CommandError as error:
        cure = "bring that control plane back first"
        raise CommandError(f"not touched: {error.message}", host=node.name, cure=cure) from error


def pod_of(api: KubernetesApi, node: Node, component: str) -> dict[str, Any]:
    """A component's pod on a node, as the API has it; an empty one where it has none."""
    name = f"{component}-{node.full_name}"
    found: dict[str, Any] = api.get(f"{CONTROL_PLANE_PODS}/{name}") or {"metadata": {}}
    return found


def digest(pod: Mapping[str, Any]) -> str:
    """The kubelet's digest of the manifest that a pod was made of; "" of none."""
    return str((pod["metadata"].get("annotations") or {}).get(HASH, ""))


def wait_for(api: KubernetesApi, shell: Shell, node: Node, component: str, before: str) -> None:
    """The pod of the new manifest is ready; where the kubelet sees no difference in it, the pod that there is."""
    began = time.monotonic()
    also = (APISERVER,) if component == ETCD else ()  # it has lost its etcd for a moment

    def missing() -> str:
        if component in (APISERVER, ETCD) and not ready(shell):
            return f"the apiserver of {node.name} is not ready"
        pod = pod_of(api, node, component)
        if digest(pod) == before and time.monotonic() < began + SAME_SECONDS:
            return f"pod {component}-{node.full_name} is still the one of before"
        names = (component, *also)
        unready = [name for name in names if not obstacles.is_ready(pod_of(api, node, name))]
        return f"pod {unready[0]}-{node.full_name} is not ready" if unready else ""

    waits.until(missing, POD_SECONDS, partial(explain, shell, (component,)), Crashing(shell, component))


class Crashing:
    """Tells when waiting is in vain: the container of a new manifest has ended several times.

    The newest container may be one of the manifest before, which has ended often already: attempts are counted anew for each pod, so
    those of the new one are told by a count that is low, or falls.
    """

    def __init__(self, shell: Shell, component: str) -> None:
        self._shell, self._component = shell, component
        self._last: int | None = None
        self._new = False

    def __call__(self) -> str:
        """Why no waiting will help, or ""."""
        why = explain(self._shell, (self._component,))
        found = re.search(rf"{self._component} exited.*?(?:attempt (\d+)|$)", why)
        attempt = int(found[1] or 1) if found else 0
        self._new = self._new or attempt < (ATTEMPTS if self._last is None else self._last)
        self._last = attempt
        return why if self._new and attempt >= ATTEMPTS else ""


def put_back(
    api: KubernetesApi,
    shell: SshShell,
    node: Node,
    component: str,
    change: LinuxChange,
    seen: SettingsSeen,
    error: CommandError,
) -> CommandError:
    """The manifest as it was, with the files that it names; the error that says so."""
    files = settled.restoring(seen.files) if component == APISERVER else ()
    new = _digest_if_told(api, node, component)
    old = LinuxChange(
        change.what, None, change.before, steps=(Write(change.what, change.before or "", manifests.MODE),)
    )
    try:
        apply(shell, (*files, replace(old, secret=True)))
        wait_for(api, shell, node, component, new)
    except KubepeerError as second:
        outcome = f"the old manifest was put back, and it does not come back with that either ({second.message})"
    else:
        outcome = "the old manifest was put back, and it runs again"
    return CommandError(
        f"{component} does not come back with the new settings: {error.message}. {outcome[0].upper()}{outcome[1:]}",
        host=node.name,
        cure="correct what the inventory adds to it (section kubeadm); no further control plane was touched",
    )


def _digest_if_told(api: KubernetesApi, node: Node, component: str) -> str:
    try:
        return digest(pod_of(api, node, component))
    except KubepeerError:
        return ""
