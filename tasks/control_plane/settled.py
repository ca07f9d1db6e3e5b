"""What a control plane should have of the settings, against what stands there: the changes and their order. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kubepeer.intent import Intent, Node
from tasks.control_plane import certificate, settings
from tasks.control_plane.record import FILES, RECORD_FILE, SettingsSeen, differing, recording
from tasks.control_plane.settings import APISERVER, PATCHES_FOLDER, Given
from tasks.linux.observe import FileSeen
from tasks.linux.state import LinuxChange, Remove, Write, file, marker_of, present

OWNED_FILES = tuple(path for path in FILES if path.startswith((settings.FOLDER, settings.ETCD_FOLDER)))


@dataclass(frozen=True)
class Wanted:
    """What a node should have.

    Attributes:
        files: that the apiserver reads.
        patches: name -> text.
        made_from: static pod -> digest of what the inventory adds; of workers nothing.

    """

    files: tuple[settings.SettingsFile, ...]
    patches: Mapping[str, str]
    made_from: Mapping[str, str]


def wanted(intent: Intent, node: Node, given: Given) -> Wanted:
    """All that a node should have before kubeadm runs there."""
    is_control_plane = node.role == "control_plane"
    return Wanted(
        settings.files(intent, given) if is_control_plane else (),
        settings.patches(intent, node, given),
        settings.made_from(intent, node, given) if is_control_plane else {},
    )


def plan_patches(wanted: Mapping[str, str], seen: Mapping[str, str]) -> LinuxChange | None:
    """Kubeadm's patches stay on the node: whoever upgrades it by kubeadm names the folder (--patches)."""
    if wanted == seen:
        return None
    steps = [Remove(f"{PATCHES_FOLDER}/{name}") for name in seen if name not in wanted]
    writes = [Write(f"{PATCHES_FOLDER}/{name}", text) for name, text in wanted.items() if seen.get(name) != text]
    return LinuxChange(PATCHES_FOLDER, _listed(seen), _listed(wanted), steps=(*steps, *writes))


def _listed(patches: Mapping[str, str]) -> str | None:
    return "".join(f"{name}:\n{text}" for name, text in sorted(patches.items())) or None


def plan_files(
    files: Iterable[settings.SettingsFile], seen: Mapping[str, FileSeen | None], *, restart: bool
) -> tuple[LinuxChange, ...]:
    """The files that the apiserver reads.

    Args:
        files: that should be there.
        seen: as they stand.
        restart: the manifest stays as it is, and with it the apiserver that has read the old ones: it is restarted.

    """
    marker = marker_of(APISERVER) if restart else ""
    return present(
        *(
            file(one.path, one.text, seen.get(one.path), mode=one.mode, secret=one.secret, restart_marker=marker)
            for one in files
        )
    )


def plan_removals(
    files: Iterable[settings.SettingsFile], seen: Mapping[str, FileSeen | None]
) -> tuple[LinuxChange, ...]:
    """Files of ours that the apiserver no longer reads: they go when it runs without them."""
    kept = {one.path for one in files}
    found = []
    for path in OWNED_FILES:
        stands = seen.get(path)
        if stands is not None and path not in kept:
            secret = path in (settings.ENCRYPTION_FILE, settings.ETCD_KEY)
            found.append(LinuxChange(path, stands.content, None, secret=secret, steps=(Remove(path),)))
    return tuple(found)


def restoring(seen: Mapping[str, FileSeen | None]) -> tuple[LinuxChange, ...]:
    """The files as they stood."""
    found = []
    for path in OWNED_FILES:
        stood = seen.get(path)
        step = Remove(path) if stood is None else Write(path, stood.content, stood.mode, stood.owner)
        found.append(LinuxChange(path, None, "as it was", secret=True, steps=(step,)))
    return tuple(found)


def before_kubeadm(intent: Intent, node: Node, given: Given, seen: SettingsSeen | None) -> tuple[LinuxChange, ...]:
    """What stands before kubeadm init or join runs."""
    stands = seen or SettingsSeen()
    should = wanted(intent, node, given)
    return present(plan_patches(should.patches, stands.patches), *plan_files(should.files, stands.files, restart=False))


def pending_restart(seen: SettingsSeen) -> LinuxChange | None:
    """A restart of the apiserver that an earlier run has left."""
    if APISERVER not in seen.restarts:
        return None
    return LinuxChange(f"container {APISERVER} restart", None, "restarted", steps=(certificate.restarting(),))


def restart_for_files(changes: Iterable[LinuxChange]) -> LinuxChange | None:
    """Where its files alone were changed, the apiserver reads them when it starts anew."""
    if not any(isinstance(step, Write) and step.restart_marker for change in changes for step in change.steps):
        return None
    return LinuxChange(f"container {APISERVER} restart", None, "restarted", steps=(certificate.restarting(),))


def to_ask(should: Wanted, seen: SettingsSeen) -> list[str]:
    """The static pods whose manifests kubeadm must be asked for."""
    return differing(seen, should.made_from)


def recorded(intent: Intent, node: Node, given: Given, change: LinuxChange) -> LinuxChange:
    """A change after which all manifests and the certificate are as they should be, and are recorded so; of a worker there are none."""
    if node.role != "control_plane":
        return change
    return replace(change, steps=(*change.steps, recording(made_from(intent, node, given))))


def plan_record(intent: Intent, node: Node, given: Given) -> LinuxChange:
    """Where nothing else is to be changed, and the record is not of what stands."""
    step = recording(made_from(intent, node, given))
    return LinuxChange(RECORD_FILE, None, step.stdin, steps=(step,))


def made_from(intent: Intent, node: Node, given: Given) -> dict[str, str]:
    """What is recorded of a control plane: static pod, or NAMES for the certificate -> digest of what the inventory adds."""
    return {**settings.made_from(intent, node, given), **certificate.made_from(intent, node)}
