"""What etcd has, key by key with the revision of its last change; and what a snapshot has otherwise than etcd has now. Pure.

Kubernetes keeps an object under /registry/RESOURCE/[NAMESPACE/]NAME, of most API groups under /registry/GROUP/RESOURCE/... A revision is
etcd's own count of its changes, so that two lists of one history can be compared exactly, whatever the clocks say.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kubepeer.errors import CommandError
from kubepeer.words import listed
from tasks.control_plane.containers import executing
from tasks.control_plane.etcd import PATIENT

ROOT = "/registry/"
LIST = f"{PATIENT} --command-timeout=60s get {ROOT} --prefix --keys-only -w json"
SECONDS = 120
# They are renewed all the time, or pass by themselves: nobody misses them
PASSING = ("leases/", "masterleases/", "peerserverleases/", "events/")
# What controllers and kubelets make anew of what is there: counted, and not told by name
MADE_ANEW = ("pods/", "endpointslices/", "endpoints/", "services/endpoints/", "controllerrevisions/", "replicasets/")
STATUS = ("minions/",)  # a node is changed all the time: by what its kubelet says of it
MOST = 6


@dataclass(frozen=True)
class Moment:
    """What etcd has at a revision.

    Attributes:
        revision: of the whole.
        keys: object, without ROOT -> revision of its last change.

    """

    revision: int
    keys: Mapping[str, int]


@dataclass(frozen=True)
class Lost:
    """What becomes of objects when a snapshot takes the place of what etcd has.

    Attributes:
        created: they are not in the snapshot, and are lost.
        changed: they are set back.
        deleted: they come back.
        revisions: etcd's changes since then.

    """

    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    revisions: int = 0


def question(revision: int | None = None) -> str:
    """A script that lists all keys: as they were at a revision; or as this member has them now, also where etcd has no quorum."""
    return executing("etcd", f"{LIST} {'--consistency=s' if revision is None else f'--rev={revision}'}")


def read(text: str) -> Moment:
    """Read etcdctl's answer.

    Raises:
        CommandError: it is none.

    """
    line = next((line for line in text.splitlines() if line.startswith('{"header"')), "")
    try:
        answer = json.loads(line)
        kvs = answer.get("kvs") or []
        keys = {base64.b64decode(one["key"]).decode(errors="replace"): int(one["mod_revision"]) for one in kvs}
        revision = int(answer["header"]["revision"])
    except (ValueError, KeyError, TypeError) as error:
        said = " ".join(text.split())[-200:] or "etcdctl said nothing"
        raise CommandError(f"etcd's keys could not be listed: {said}") from error
    return Moment(revision, {key.removeprefix(ROOT): number for key, number in keys.items()})


def written(moment: Moment) -> bytes:
    """A line for each key, as the backup has them."""
    return "".join(f"{number} {key}\n" for key, number in sorted(moment.keys.items())).encode()


def read_written(text: bytes, revision: int) -> Moment:
    """What written() has written."""
    lines = (line.partition(" ") for line in text.decode(errors="replace").splitlines())
    return Moment(revision, {key: int(number) for number, _, key in lines if number.isdecimal()})


def lost(then: Moment, now: Moment) -> Lost:
    """What a snapshot has otherwise than etcd has now.

    Args:
        then: of the snapshot.
        now: of etcd.

    """
    created = sorted(key for key in _lasting(now) if key not in then.keys)
    deleted = sorted(key for key in _lasting(then) if key not in now.keys)
    changed = sorted(key for key in _lasting(now) if then.keys.get(key, now.keys[key]) != now.keys[key])
    return Lost(tuple(created), tuple(changed), tuple(deleted), now.revision - then.revision)


def _lasting(moment: Moment) -> Iterable[str]:
    return (key for key in moment.keys if not key.startswith(PASSING))


def told(found: Lost) -> list[str]:
    """A line for each of the three, for a person."""
    kinds = (
        ("made since then, and lost", found.created, MADE_ANEW),
        ("deleted since then, and there again", found.deleted, MADE_ANEW),
        ("changed since then, and set back", found.changed, (*MADE_ANEW, *STATUS)),
    )
    lines = [f"{len(keys)} {what}: {_told(keys, counted)}" for what, keys, counted in kinds if keys]
    return lines or ["nothing that lasts was made, changed or deleted since then"]


def summary(found: Lost) -> str:
    """The three as numbers."""
    numbers = (("made", found.created), ("deleted", found.deleted), ("changed", found.changed))
    return f"since the backup {', '.join(f'{len(keys)} {what}' for what, keys in numbers)}"


def _told(keys: Sequence[str], counted: tuple[str, ...]) -> str:
    named = [key for key in keys if not key.startswith(counted)]
    numbers = Counter(key.partition("/")[0] for key in keys if key.startswith(counted))
    words = [listed(named, MOST)] if named else []
    return ", ".join([*words, *(f"{resource} ({count})" for resource, count in sorted(numbers.items()))])
