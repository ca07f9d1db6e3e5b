"""When all control planes write with the key of the inventory, what is in etcd already is written with it as well."""

from collections.abc import Iterable

from nornir.core.task import Result, Task

from kubepeer.memory import hands_over
from kubepeer.phases import control_planes, one_control_plane
from kubepeer.run import Run, done
from tasks.cluster import encrypted
from tasks.cluster.access import ASKED_API, api_that_answered
from tasks.control_plane import encryption
from tasks.control_plane.given import encrypts, key, schemes
from tasks.control_plane.record import SETTINGS


def encrypting_control_planes(run: Run) -> Iterable[str]:
    """The control planes that may be changed, where something is to be encrypted or was."""
    return control_planes(run) if encrypts(run) else []


def one_that_encrypts(run: Run) -> Iterable[str]:
    """The one in whose name the cluster's objects are changed, where something is to be encrypted or was."""
    return one_control_plane(run) if encrypts(run) else []


@hands_over(needs=(SETTINGS,), gives=ASKED_API)
def encrypt_standing(task: Task, run: Run) -> Result:
    """Every object of the encrypted kinds is written again, once a key; not before every control plane writes with it."""
    source = run.intent.kubeadm.encryption
    api = api_that_answered(run)
    if api is None:
        return done(task)
    wanted, standing = key(run), schemes(run, frozenset(api.nodes()))
    encrypted_now = source.resources if source else ()
    named = dict.fromkeys([*encrypted_now, *(name for one in standing.values() if one for name in one.providers)])
    keys = {name: wanted if name in encrypted_now else None for name in named}
    for resource, one in keys.items():
        late = [name for name, scheme in standing.items() if not encryption.final([scheme], resource, one)]
        if late and not run.options.dry_run:
            run.warn(
                f"{', '.join(late)}: does not write {resource} with the key of kubeadm.encryption yet; the next run of all goes on"
            )
            return done(task)
    change = encrypted.rewrite(run, api, {name: one.name if one else encrypted.PLAIN for name, one in keys.items()})
    return done(task, () if change is None else (change,))
