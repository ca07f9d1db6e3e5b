"""The steps of restore.py: snapshot, stop, data, files, endpoint, start; then the API, the nodes, and what has served its time goes."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import IO

from nornir.core.task import Result, Task

from kubepeer.change import Change, about_to_change, made
from kubepeer.errors import CommandError, UnreachableError
from kubepeer.intent import Node
from kubepeer.memory import hands_over
from kubepeer.run import Run, done, waiting
from tasks.backup import keys
from tasks.backup.document import KEYS
from tasks.backup.tasks import mib
from tasks.cluster import conditions, waits
from tasks.cluster.access import ASKED_API, open_api
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import etcd_state, kubeadm, kubeconfigs
from tasks.control_plane.diagnosis import CONTROL_PLANE_PODS, ENDPOINT_PODS
from tasks.control_plane.explain import explain
from tasks.control_plane.given import given
from tasks.control_plane.join_secrets import JoinSecrets
from tasks.control_plane.joins import plan_endpoint_of
from tasks.control_plane.membership import KUBELET_CONF, MEMBER
from tasks.control_plane.record import MANIFESTS, SETTINGS
from tasks.linux.apply import apply
from tasks.linux.observe import Seen, ask
from tasks.linux.shell import CHUNK, SshShell, open_shell
from tasks.linux.state import Execute, LinuxChange, Write, action, present, unit_says
from tasks.linux.transfer import send
from tasks.restore import data, files, progress
from tasks.restore.arguments import opened
from tasks.restore.look import ANEW, PLAN, REPLACED, RESTORED, Plan
from tasks.restore.progress import FOLDER, SNAPSHOT_FILE, STARTED, TOKEN_FILE, Progress

API_SECONDS = 600  # images may still come, and etcd elects when two of its members run
NODE_SECONDS = 300  # the controller manager calls a node silent after 40 s; a kubelet reports every 10 s
START_SECONDS = 120
CLIENT = "/var/lib/kubelet/pki/kubelet-client-current.pem"
# kubeadm says itself when: the kubelet has made that file of what kubeadm gave it (kubeadm init phase kubelet-finalize)
ROTATES = f"grep -q '^ *client-certificate-data:' {KUBELET_CONF} && [ -e {CLIENT} ] && echo embedded; true"
NAMESPACES = "namespaces/"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


def _progress(run: Run, name: str) -> tuple[Plan, Progress]:
    plan = run.recall(PLAN)
    if plan is None:
        raise CommandError("nobody has looked at it", host=name)
    return plan, plan.every[name]


@hands_over(needs=(PLAN,))
def bring_snapshot(task: Task, run: Run) -> Result:
    """Etcd's snapshot lies on the machine, beside the mark of this restore; nothing else is touched yet."""
    plan, come = _progress(run, task.host.name)
    if come.data:
        return done(task)
    backup = opened(run)
    snapshot = backup.content.document.snapshot
    after = f"of revision {snapshot.revision}, {mib(snapshot.size)}"
    mark = Write(TOKEN_FILE, progress.written(plan.token, snapshot.sha256, plan.bump, spare=come.spare), "600")
    begin = LinuxChange(
        TOKEN_FILE, None, plan.token if plan.goes_on else "(generated)", steps=(_emptied(come, plan), mark)
    )
    change = Change(SNAPSHOT_FILE, None, after)
    if not run.options.dry_run:
        shell = open_shell(run.nornir, task.host.name)
        apply(shell, (begin,))
        about_to_change((change,))
        if not _is_there(shell, snapshot.sha256):
            send(shell, SNAPSHOT_FILE, _pieces(backup.snapshot, snapshot.size), snapshot.sha256)
        made(change)
    return done(task, (begin, change))


def _emptied(come: Progress, plan: Plan) -> Execute:
    """What another restore has left there goes first; but its token only when there is another: it says what etcd's data is."""
    script = f"mkdir -p -m 700 {FOLDER}"
    if not come.of(plan.token):
        script += f" && find {FOLDER} -mindepth 1 ! -path {TOKEN_FILE} -delete"
    return Execute("folder of the restore", script)


def _is_there(shell: SshShell, digest: str) -> bool:
    return shell.run(f"sha256sum <{SNAPSHOT_FILE}", deadline=START_SECONDS).text.startswith(digest)


def _pieces(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The snapshot, for several machines at the same time: each reads at a place of its own."""
    place = 0
    while place < size and (piece := os.pread(file.fileno(), CHUNK, place)):
        place += len(piece)
        yield piece


@hands_over(needs=(PLAN,))
def stop(task: Task, run: Run) -> Result:
    """The control plane is stopped, where what runs is not what was restored."""
    _, come = _progress(run, task.host.name)
    if come.started:
        return done(task)
    change = data.stopping(member=come.member)
    if not run.options.dry_run:
        apply(open_shell(run.nornir, task.host.name), (change,))
    return done(task, (change,))


@hands_over(needs=(PLAN,), gives=(REPLACED,))
def restore_data(task: Task, run: Run) -> Result:
    """Etcd's data is the snapshot's, on every control plane as a member of the same new cluster."""
    plan, come = _progress(run, task.host.name)
    if come.data:
        return done(task)
    node, content = run.intent.node(task.host.name), opened(run).content
    revision, image = content.document.snapshot.revision, files.etcd_image(content)
    change = data.restoring(
        node, run.intent.control_planes, plan.token, image, revision=revision, bump=plan.bump, come=come
    )
    if not run.options.dry_run:
        apply(open_shell(run.nornir, node.name), (change,))
        run.keep(REPLACED, value=True, of=node.name)
    return done(task, (change,))


@hands_over(needs=(PLAN, SETTINGS))
def put_files_back(task: Task, run: Run) -> Result:
    """Keys, certificates, kubeconfigs and manifests are put back; what has expired or is missing is made by kubeadm."""
    _, come = _progress(run, task.host.name)
    if come.started:
        return done(task)
    node, content, now = run.intent.node(task.host.name), opened(run).content, datetime.now(UTC)
    shell = open_shell(run.nornir, node.name)
    seen = ask(shell, {}, files.paths(content, node.name, now)).files
    if run.options.dry_run:  # by then it is stopped
        seen = {**seen, **{f"{MANIFESTS}/{name}.yaml": None for name in data.COMPONENTS}}
    changes = files.plan(run.intent, node, content, seen, _configuration(run, node), now)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


def _configuration(run: Run, node: Node) -> str:
    secrets = JoinSecrets.generate()
    for value in (secrets.token, secrets.certificate_key):
        run.redactor.learn(value)
    return kubeadm.init_configuration(run.intent, node, secrets, given(run, node, frozenset()))


@hands_over(needs=(PLAN, MEMBER), gives=ASKED_API)
def place_endpoint(task: Task, run: Run) -> Result:
    """The endpoint's files, as deploy.py makes them; kube-vip's manifest was put back with the others."""
    _, come = _progress(run, task.host.name)
    if come.started or run.intent.cluster.endpoint.provider == "kube-vip":
        return done(task)
    shell = open_shell(run.nornir, task.host.name)
    changes = plan_endpoint_of(run, shell)
    if not run.options.dry_run:
        apply(shell, changes)
    return done(task, changes)


@hands_over(needs=(PLAN, SETTINGS))
def start(task: Task, run: Run) -> Result:
    """The kubelet runs, and starts what was put back."""
    _, come = _progress(run, task.host.name)
    node = run.intent.node(task.host.name)
    shell = open_shell(run.nornir, node.name)
    answers = ask(shell, {"kubelet": "systemctl is-active kubelet; true"}, files.KUBELET_NEEDS)
    if come.started and answers["kubelet"].text.strip() == "active":
        return done(task)
    seen = answers.files
    stands = {path for path, one in seen.items() if one is not None}
    if run.options.dry_run:
        stands |= files.wanted(opened(run).content, node.name, datetime.now(UTC)).keys()
    mark = Execute("mark of the start", f"touch {STARTED}")
    script = "systemctl reset-failed kubelet 2>/dev/null; systemctl enable -q kubelet && systemctl start kubelet"
    begin = Execute("systemctl start kubelet", script, START_SECONDS, explanation=unit_says("kubelet"))
    if files.lacks_kubelet(sorted(stands)):
        begin = kubeadm.init_phase(run.intent, files.KUBELET_START, _configuration(run, node))
    change = LinuxChange("unit kubelet", "stopped", "active", steps=(mark, begin))
    if not run.options.dry_run:
        apply(shell, (change,))
    return done(task, (change,))


@hands_over(needs=(PLAN,), gives=(*ASKED_API, RESTORED))
def wait_for_api(task: Task, run: Run) -> Result:
    """The API is ready, every control plane has its member of etcd and is Ready, and the objects of the backup are there.

    Raises:
        CommandError: the deadline has passed; says what was not so.

    """
    if run.options.dry_run:
        return done(task)
    plan, _ = _progress(run, task.host.name)
    try:
        summary = _wait_for_api(run, open_shell(run.nornir, task.host.name))
    except CommandError as error:
        if plan.is_put_back and not error.cure:
            error.cure = f"{ANEW}, whatever an earlier run has put back"
        raise
    run.keep(RESTORED, value=True)
    return done(task, summary=summary)


def _wait_for_api(run: Run, shell: SshShell) -> str:
    pods = (*CONTROL_PLANE_PODS, *ENDPOINT_PODS)
    waits.until(lambda: _api_lacks(run), API_SECONDS, partial(explain, shell, pods))
    api = open_api(run)
    waits.until(partial(_etcd_lacks, run, shell), API_SECONDS, partial(explain, shell, pods))
    names = [node.full_name for node in run.intent.control_planes]
    waits.until(Back(api, names), NODE_SECONDS, partial(explain, shell, pods))
    count = _refuse_missing_namespaces(run, api)
    return f"ready, {len(names)} members of etcd, {count} namespaces of the backup"


class Back:
    """Tells which nodes are not back yet: Ready, and heard since.

    What the API says of a node in the beginning is of the snapshot. Its kubelet renews its Lease every ten seconds (Kubernetes: "Nodes",
    Heartbeats); so one whose Lease has changed since the first look is there.
    """

    def __init__(self, api: KubernetesApi, names: Sequence[str]) -> None:
        self._api, self._names = api, names
        self._first: dict[str, str] | None = None

    def __call__(self) -> str:
        """What is missing, or ""."""
        now = {one["metadata"]["name"]: str(one["spec"].get("renewTime")) for one in self._api.items(LEASES)}
        self._first = self._first or now
        silent = [name for name in self._names if now.get(name) == self._first.get(name)]
        if silent:
            return _told(f"not heard since the snapshot: {', '.join(silent)}")
        return _told(conditions.nodes_ready(self._api, self._names))


def _told(said: str) -> str:
    if said:
        waiting(said)
    return said


def _api_lacks(run: Run) -> str:
    try:
        open_api(run)
    except UnreachableError as error:
        return _told(error.message)
    return ""


def _etcd_lacks(run: Run, shell: SshShell) -> str:
    try:
        state = etcd_state.read(ask(shell, etcd_state.QUESTIONS, deadline=etcd_state.SECONDS))
    except CommandError as error:
        return _told(error.message)
    bad = [one for one in etcd_state.findings(run.intent, shell.host, state) if not one.ok]
    return _told("; ".join(f"{one.subject}: {one.reason}" for one in bad))


def _refuse_missing_namespaces(run: Run, api: KubernetesApi) -> int:
    content = opened(run).content
    moment = keys.read_written(content.files[KEYS], content.document.snapshot.revision)
    then = {key.removeprefix(NAMESPACES) for key in moment.keys if key.startswith(NAMESPACES)}
    there = {one["metadata"]["name"] for one in api.items("/api/v1/namespaces")}
    if missing := sorted(then - there):
        raise CommandError(f"the API does not have what the backup has: no namespace {', '.join(missing)}")
    return len(then)


def finish_identity(task: Task, run: Run) -> Result:
    """The kubelet renews its own certificate from now on, and administrators' kubeconfigs are this cluster's."""
    if run.options.dry_run:
        return done(task)
    shell, node = open_shell(run.nornir, task.host.name), run.intent.node(task.host.name)
    asked = {"rotates": ROTATES, "kubeconfigs": kubeconfigs.question(run.intent)}
    changes = _identity(run, node, ask(shell, asked))
    apply(shell, changes)
    return done(task, changes)


def _identity(run: Run, node: Node, seen: Seen) -> tuple[LinuxChange, ...]:
    rotation = None
    if seen["rotates"].lines:
        secrets = JoinSecrets.generate()
        step = kubeadm.init_phase(
            run.intent, "kubelet-finalize all", kubeadm.init_configuration(run.intent, node, secrets)
        )
        rotation = LinuxChange(
            step.title, "a certificate within kubelet.conf", f"what the kubelet renews: {CLIENT}", steps=(step,)
        )
    return (*present(rotation), *kubeconfigs.plan(run.intent, tuple(seen["kubeconfigs"].lines)))


@hands_over(gives=ASKED_API)
def wait_for_nodes(task: Task, run: Run) -> Result:
    """The workers come back by themselves, with certificates of the same CA. One that does not is told, and the routers are verified."""
    if run.options.dry_run:
        return done(task)
    api = open_api(run)
    known = api.nodes()
    names = [node.full_name for node in run.intent.workers if node.full_name in known]
    began = datetime.now(UTC)
    try:
        waits.until(Back(api, names), NODE_SECONDS)
    except CommandError as error:
        run.warn(f"{error.message}: they are not back by themselves; journalctl -u kubelet there says why")
        return done(task, summary="not all are back")
    return done(
        task, summary=f"{len(names)} workers are back after {(datetime.now(UTC) - began).total_seconds():.0f} s"
    )


def clean(task: Task, run: Run) -> Result:
    """The marks of the restore go, and with them the snapshot, which has every Secret."""
    # the token before the other marks: cut off between them, it is over
    script = f"rm -f -- {SNAPSHOT_FILE} {TOKEN_FILE} && rm -rf -- {FOLDER}"
    change = action(FOLDER, "removed", script, before="marks of the restore")
    if not run.options.dry_run:
        shell = open_shell(run.nornir, task.host.name)
        apply(shell, (change,))
        if shell.run(f"ls -d {data.ASIDE}*").text.strip():
            run.warn(f"what etcd had before lies in {data.ASIDE}* on {task.host.name} until the next restore")
    return done(task, (change,))
