"""Make a backup: control planes and routers are asked, etcd's snapshot is taken, one file is written; only then old ones go."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import yaml
from nornir.core.task import Result, Task

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.memory import Memory, hands_over
from kubepeer.phases import control_planes, routers
from kubepeer.run import Run, done
from tasks.backup import archive, encryption, folder, keys, names, questions
from tasks.backup import document as documents
from tasks.backup.document import CLUSTER, INVENTORY, KEYS, ROUTERS, Document, Kept, Snapshot
from tasks.backup.inventory import inventory_files
from tasks.backup.keys import Moment
from tasks.backup.questions import Status
from tasks.cluster.access import ASKED_API, api_if_there
from tasks.control_plane import etcd
from tasks.control_plane.cluster_configuration import CONFIG_MAP
from tasks.control_plane.join_secrets import ca_hash
from tasks.control_plane.membership import CA_CERTIFICATE
from tasks.linux.connect import connection
from tasks.linux.observe import FileSeen, ask
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.transfer import reading
from tasks.platforms.platform import PLATFORMS

KUBELET_CONFIG = CONFIG_MAP.replace("kubeadm-config", "kubelet-config")
MEMBER_WORKS = Memory[bool]("whether a control plane's member of etcd works")
ONE_MEMBER = Memory[str | None]("the control plane whose etcd is asked for the snapshot")
NODE_FILES = Memory[dict[str, FileSeen]]("the files of a control plane")
CONFIGURATIONS = Memory[dict[str, str]]("the configurations of a router")
TAKEN = Memory["Taken"]("etcd's snapshot, on the machine that it was taken on")
MADE = Memory["Made"]("the backup that was made")


@dataclass(frozen=True)
class Taken:
    """A snapshot that lies on its machine.

    Attributes:
        when: it was asked for.
        path: where it lies.
        status: what is told of it.
        moment: its keys.

    """

    when: datetime
    path: str
    status: Status
    moment: Moment


@dataclass(frozen=True)
class Made:
    """A backup that lies where it belongs.

    Attributes:
        removed: the names of older ones that went.

    """

    path: Path
    size: int
    document: Document
    removed: tuple[str, ...]


def one_member(run: Run) -> Iterable[str]:
    """The control plane whose etcd is asked: the first whose member works, else the first that could be asked."""

    def find() -> str | None:
        failed = run.nornir.data.failed_hosts
        reached = [name for name in control_planes(run) if name not in failed]
        working = (name for name in reached if run.recall(MEMBER_WORKS, of=name))
        return next(working, next(iter(reached), None))

    name = run.once(ONE_MEMBER, find)
    return [] if name is None else [name]


@hands_over(gives=(MEMBER_WORKS, NODE_FILES))
def observe(task: Task, run: Run) -> Result:
    """A control plane's files, as they lie there, and whether its member of etcd works."""
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    seen = ask(shell, {"files": questions.FILES, **etcd.QUESTIONS}, deadline=etcd.SECONDS)
    files = ask(shell, {}, questions.paths(seen)).files
    if not run.options.dry_run:
        shell.run(questions.SWEEP)
    found = {path: file for path, file in files.items() if file is not None}
    if CA_CERTIFICATE not in found:
        raise CommandError(f"has no {CA_CERTIFICATE}: it is no control plane of a cluster", host=node.name)
    run.keep(NODE_FILES, found, of=node.name)
    try:
        own = etcd.of(node, etcd.members(seen))
    except CommandError:
        own = None  # the member that is asked for the snapshot says why, if none works
    run.keep(MEMBER_WORKS, own is not None and own.works, of=node.name)
    return done(task, summary=f"{len(found)} files{'' if own and own.works else '; its etcd does not answer'}")


@hands_over(gives=(CONFIGURATIONS,))
def read_router(task: Task, run: Run) -> Result:
    """What a router runs with, and what it starts with, by its driver."""
    try:
        # of a daemon on Linux the files of its owner, too; elsewhere `full` would be every default as well
        full = PLATFORMS[run.intent.router(task.host.name).platform].on_linux
        said = connection(run.nornir, task.host.name, "napalm").get_config(retrieve="all", full=full)
    except KubepeerError:
        raise
    except Exception as error:  # of every kind: the libraries below the drivers have their own
        raise CommandError(f"its configuration cannot be read: {error}", host=task.host.name) from error
    found = {kind: str(said.get(kind) or "") for kind in ("running", "startup")}
    if not found["running"].strip():
        raise CommandError("its driver gives no configuration", host=task.host.name)
    run.keep(CONFIGURATIONS, found, of=task.host.name)
    return done(task, summary=f"{len(found['running'].splitlines())} lines")


@hands_over(gives=(TAKEN,))
def take_snapshot(task: Task, run: Run) -> Result:
    """Etcd's snapshot, whole by its own word, with the list of what is in it."""
    if run.options.dry_run:
        return done(task, summary="would be taken here")
    shell = open_shell(run.nornir, task.host.name)
    when, path = datetime.now(UTC), questions.path_of(secrets.token_hex(6))
    try:
        shell.check(questions.saving(path), deadline=questions.SAVE_SECONDS)
        status = questions.status(ask(shell, questions.about(path), deadline=questions.STATUS_SECONDS))
        listed = ask(shell, {"keys": keys.question(status.revision)}, deadline=keys.SECONDS)["keys"]
        moment = keys.read(listed.text)
    except KubepeerError as error:
        _forget(shell, path)
        error.host = error.host or task.host.name
        raise
    run.keep(TAKEN, Taken(when, path, status, moment))
    return done(task, summary=f"revision {status.revision}, {status.keys} keys, {mib(status.size)}")


@hands_over(needs=(NODE_FILES, CONFIGURATIONS, TAKEN), gives=(MADE, *ASKED_API))
def write(task: Task, run: Run) -> Result:
    """One file of all of it, verified; then the older ones go."""
    place = folder.folder_of(run.settings, run.options.further["to"])
    recipients, keep = run.options.further["recipient"], run.options.further["keep"]
    taken = run.recall(TAKEN)
    if run.options.dry_run or taken is None:
        return done(task, summary=f"would be written to {place}")
    shell = open_shell(run.nornir, task.host.name)
    try:
        folder.prepare(place, run.intent.cluster.name)
        files = dict(_files(run, taken))
        document = _document(run, task.host.name, taken, {path: kept for path, (_, kept) in files.items()})
        contents = {path: content for path, (content, _) in files.items()}
        path = place / names.name_of(document.cluster, taken.when, encryption.program_for(recipients))
        with folder.whole(path) as part:
            with (
                reading(shell, taken.path) as snapshot,
                encryption.encrypted(part, recipients) as sink,
                archive.proved(sink) if recipients else nullcontext(sink) as stream,
            ):
                archive.write(stream, document, contents, snapshot)
            _verify(part, encrypted=bool(recipients))
    finally:
        _forget(shell, taken.path)
    removed: list[str] = []
    if document.missing:
        run.warn(f"the backup has nothing of {', '.join(document.missing)}; none of the older ones was removed")
    else:
        removed = names.too_old(document.cluster, folder.names_in(place), keep, path.name)
        folder.remove(place, removed)
    if not recipients:
        run.warn(
            f"{path.name} holds the cluster's keys in clear: who can read it is its administrator. --recipient encrypts it"
        )
    run.keep(MADE, Made(path, path.stat().st_size, document, tuple(removed)))
    return done(task, summary=path.name)


def _verify(part: IO[bytes], *, encrypted: bool) -> None:
    """What was written is read once more, from the disk. An encrypted one, which nobody here can read, was read while it was written.

    Raises:
        CommandError: it is not what was to be written.

    """
    part.flush()
    part.seek(0)
    if encrypted:
        if part.seek(0, 2) == 0:
            raise CommandError("what was written is empty. No backup was made")
        return
    try:
        archive.read(part)
    except KubepeerError as error:
        raise CommandError(f"what was written cannot be read again: {error.message}. No backup was made") from error


def _files(run: Run, taken: Taken) -> Iterator[tuple[str, tuple[bytes, Kept]]]:
    """Path in the backup -> its bytes, and what is said of them."""
    for name, content in inventory_files(run).items():
        yield _part(f"{INVENTORY}/{name}", content)
    for name, text in _configuration(run).items():
        yield _part(f"{CLUSTER}/{name}.yaml", text.encode())
    yield _part(KEYS, keys.written(taken.moment))
    for name in control_planes(run):
        for where, file in (run.recall(NODE_FILES, of=name) or {}).items():
            content = file.content.encode(errors="surrogateescape")
            yield documents.node_path(name, where), (content, documents.kept(content, file.mode, file.owner))
    for name in routers(run):
        for kind, text in (run.recall(CONFIGURATIONS, of=name) or {}).items():
            yield _part(f"{ROUTERS}/{name}/{kind}", text.encode(errors="surrogateescape"))


def _part(path: str, content: bytes) -> tuple[str, tuple[bytes, Kept]]:
    return path, (content, documents.kept(content))


def _configuration(run: Run) -> dict[str, str]:
    """Kubeadm's configuration and the kubelets', as the cluster keeps them; they are in the snapshot, too, where nobody can read them."""
    api = api_if_there(run)
    found: dict[str, str] = {}
    for path in (CONFIG_MAP, KUBELET_CONFIG) if api else ():
        stands = api.get(path) if api else None
        if stands:
            found[path.rpartition("/")[2]] = yaml.safe_dump(stands.get("data") or {}, sort_keys=True)
    return found


def _document(run: Run, member: str, taken: Taken, files: Mapping[str, Kept]) -> Document:
    seen = {name: run.recall(NODE_FILES, of=name) for name in control_planes(run)}
    authorities = {ca_hash(found[CA_CERTIFICATE].content) for found in seen.values() if found}
    if len(authorities) != 1:
        raise CommandError(
            "the control planes do not have the same CA: they are not of one cluster. No backup was made",
            host=member,
            cure=f"compare {CA_CERTIFICATE} on them",
        )
    missing = [name for name, found in seen.items() if not found]
    missing += [name for name in routers(run) if not run.recall(CONFIGURATIONS, of=name)]
    status = taken.status
    return Document.model_validate(
        {
            **documents.identity(run.intent),
            "kubepeer_backup": documents.FORM,
            "taken": taken.when.replace(microsecond=0),
            "by": f"{run.holder.user}@{run.holder.host}",
            "ca": authorities.pop(),
            "missing": tuple(missing),
            "snapshot": Snapshot(
                member=member,
                revision=status.revision,
                hash=status.hash,
                keys=status.keys,
                size=status.size,
                sha256=status.sha256,
            ),
            "files": dict(files),
        }
    )


def _forget(shell: SshShell, path: str) -> None:
    """The snapshot goes from its machine; where that cannot be reached, with the next backup."""
    try:
        shell.run(f"rm -f -- {path} {path}.part")
    except KubepeerError:
        return


def mib(size: int) -> str:
    """A size, for a person."""
    return f"{size / (1 << 20):.1f} MiB"
