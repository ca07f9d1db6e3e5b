"""certificates.py on machines that stand in for control planes: the order, what is waited for, what a failure ends, and what is resumed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from kubepeer.commandline import CommandLine, parse
from kubepeer.errors import CommandError, RefusedError, UsageError
from kubepeer.run import Run
from tasks.certificates import arguments, tasks
from tasks.certificates.reading import CERTIFICATES_OF
from tasks.cluster import waits
from tasks.control_plane import kubelets
from tasks.linux.observe import MARK, Answer
from tasks.linux.shell import Completed
from tests.unit.answering import answered
from tests.unit.certificates import authority

NAMES = ("k8s-calico-master-10-31-90-1", "k8s-calico-master-10-31-90-2", "k8s-calico-master-10-31-90-3")
FIRST, SECOND, THIRD = NAMES
PODS = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")
KEYS = "".join(f"/etc/kubernetes/pki/{name}.key\n" for name in ("ca", "front-proxy-ca", "etcd/ca"))
FILES = ("pki/apiserver.crt", "pki/etcd/server.crt", "pki/etcd/peer.crt")
SIGNED: dict[tuple[str, float], str] = {}


def signed(path: str, days: float) -> str:
    return SIGNED.setdefault((path, days), authority.pem(path, days))


class Machine:
    """A control plane: its files with the days that they have left, when they were written and when its static pods began."""

    def __init__(self, name: str, log: list[tuple[str, str]], days: float = 5) -> None:
        self.name, self.log = name, log
        self.days = dict.fromkeys(FILES, days)
        self.written, self.began = 1000, 1010
        self.serves = days  # of the certificate that its apiserver has read
        self.ready, self.keys, self.users = True, KEYS, "root\n"
        self.renews = self.restarts = True
        self.self_signed: float | None = None

    def run(self, script: str, **_: Any) -> Completed:
        if MARK in script:
            return Completed(0, answered(script, self._answers(script)), b"")
        if "/readyz" in script and "kubeadm" not in script:
            return Completed(0, b"ok" if self.ready else b"", b"")
        return self._do(script)

    def _do(self, script: str) -> Completed:
        if "kubeadm certs renew all" in script:
            self.log.append((self.name, "renew"))
            if not self.renews:
                return Completed(1, b"", b"error: no")
            self.days, self.written = dict.fromkeys(FILES, 365), 2000
        elif "end --tls-cert-file" in script:
            self.log.append((self.name, "restart"))
            if self.restarts:
                self.began, self.serves = 2010, self.days["pki/apiserver.crt"]
        elif "runuser" in script:
            self.log.append((self.name, "kubeconfig"))
            self.users = "root\n"
        elif "systemctl restart kubelet" in script:
            self.log.append((self.name, "kubelet"))
            self.self_signed = 365
        return Completed(0, b"", b"")

    def _answers(self, script: str) -> dict[str, Answer]:
        texts = {path: signed(path, days) for path, days in self.days.items()}
        lines = "".join(
            f"@ {self.written} /etc/kubernetes/{path}\n## /etc/kubernetes/{path}\n{text}"
            for path, text in texts.items()
        )
        if self.self_signed is not None:
            lines += f"## /var/lib/kubelet/pki/kubelet.crt\n{authority.pem('m1', self.self_signed, issuer='m1-ca@17')}"
        ends = authority.NOW + timedelta(days=self.serves)
        known = {
            "lock": Answer(0, ""),
            "run lock": Answer(0, ""),
            "kubeconfigs": Answer(0, self.users),
            "certificates": Answer(0, lines),
            "processes": Answer(0, "clock 1 0\n" + "".join(f"{name} {self.began}\n" for name in PODS)),
            "ca keys": Answer(0, self.keys),
            "kubelet": Answer(0, "rotateCertificates: true\n"),
            "served": Answer(0, f"*  expire date: {ends:%b %d %H:%M:%S %Y} GMT\n"),
        }
        return {
            name: answer
            for name, answer in known.items()
            if f"say answer '{name}'" in script or f"say answer {name} " in script
        }


class Lab:
    """The three of them, and what was done in which order."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.machines = {name: Machine(name, self.log) for name in NAMES}

    def shell(self, _nornir: Any, name: str) -> Any:
        return SimpleNamespace(run=self.machines[name].run, host=name)

    def __getitem__(self, name: str) -> Machine:
        return self.machines[name]


@pytest.fixture
def control_planes(monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab()
    monkeypatch.setattr(tasks, "open_shell", made.shell)
    monkeypatch.setattr(tasks, "look_for_others", lambda *_: None)
    monkeypatch.setattr(tasks, "_now", lambda: authority.NOW)
    monkeypatch.setattr(tasks, "RESTART_SECONDS", 0.01)
    monkeypatch.setattr(tasks.static_pods, "POD_SECONDS", 0.01)
    monkeypatch.setattr(tasks, "explain", lambda *_: "")
    monkeypatch.setattr(waits, "ASK_SECONDS", 0.001)
    return made


def task_of(name: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=name))


def run_all(run: Run) -> dict[str, Any]:
    """Observe all, then each phase one after the other; a result or an error for each."""
    found: dict[str, Any] = {}
    for name in NAMES:
        tasks.observe(task_of(name), run)
    for step in (tasks.refuse_early, tasks.renew):
        for name in NAMES:
            try:
                found[name] = step(task_of(name), run)
            except Exception as error:  # noqa: BLE001  each is looked at
                found[name] = error
    return found


@pytest.fixture
def renewing(run_of: Callable[..., Run], control_planes: Lab) -> Callable[..., dict[str, Any]]:
    assert control_planes

    def start(*, dry_run: bool = False, days: int | None = None) -> dict[str, Any]:
        return run_all(run_of(*NAMES, dry_run=dry_run, further={"renew": True, "days": days}))

    return start


def test_each_is_renewed_restarted_and_given_kubeconfigs_before_the_next(renewing: Any, control_planes: Lab) -> None:
    found = renewing()
    assert [[change.what for change in found[name].changes] for name in NAMES] == [
        ["certificates of kubeadm", "static pods restart", "/root/.kube/config"]
    ] * 3
    assert control_planes.log == [(name, step) for name in NAMES for step in ("renew", "restart", "kubeconfig")]


def test_a_second_run_has_nothing_to_do(renewing: Any, control_planes: Lab) -> None:
    renewing()
    control_planes.log.clear()
    assert [found.changes for found in renewing().values()] == [()] * 3
    assert control_planes.log == []


def test_a_dry_run_shows_the_same_and_does_nothing(renewing: Any, control_planes: Lab) -> None:
    planned = {name: found.changes for name, found in renewing(dry_run=True).items()}
    assert control_planes.log == []
    assert planned == {name: found.changes for name, found in renewing().items()}


def test_a_run_that_was_cut_off_after_kubeadm_goes_on_with_the_restart(renewing: Any, control_planes: Lab) -> None:
    first = control_planes[FIRST]
    first.days, first.written, first.users = dict.fromkeys(FILES, 365), 2000, ""
    found = renewing()
    assert control_planes.log[:2] == [(FIRST, "restart"), (FIRST, "kubeconfig")]
    assert (SECOND, "renew") in control_planes.log
    assert isinstance(found[FIRST].changes, tuple)


def test_a_run_that_was_cut_off_between_nodes_renews_none_twice(renewing: Any, control_planes: Lab) -> None:
    first = control_planes[FIRST]
    first.days, first.written, first.began = dict.fromkeys(FILES, 365), 2000, 2010
    assert renewing()[FIRST].changes == ()
    assert {name for name, _ in control_planes.log} == {SECOND, THIRD}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"renews": False}, "certificates of kubeadm: exit 1: error: no"),
        ({"restarts": False}, "kube-apiserver, etcd have not begun anew"),
    ],
)
def test_no_further_one_is_touched_after_a_failure(renewing: Any, control_planes: Lab, broken: Any, said: str) -> None:
    vars(control_planes[SECOND]).update(broken)
    found = renewing()
    assert said in found[SECOND].message
    assert found[THIRD].message == f"not touched: the renewal went wrong on {SECOND}"
    assert {name for name, _ in control_planes.log} == {FIRST, SECOND}


def test_one_that_serves_the_old_certificate_is_a_failure(
    renewing: Any, control_planes: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.renewal, "served_until", lambda _: datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert "the apiserver serves a certificate until 2026-12-01 12:00 UTC" in renewing()[FIRST].message
    assert {name for name, _ in control_planes.log} == {FIRST}


def test_none_is_touched_while_another_is_not_well(
    renewing: Any, control_planes: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = tasks.static_pods.ready
    monkeypatch.setattr(
        tasks.static_pods, "ready", lambda shell, address="127.0.0.1": address != "10.31.90.3" and ready(shell)
    )
    found = renewing()
    assert "the apiserver of k8s-calico-master-10-31-90-3 is not ready" in found[FIRST].message
    assert found[FIRST].message.startswith("not touched: ")
    assert control_planes.log == []


def test_a_cluster_whose_certificates_have_expired_is_renewed_although_none_is_ready_before_two_are(
    renewing: Any, control_planes: Lab
) -> None:
    for machine in control_planes.machines.values():
        machine.days, machine.ready = dict.fromkeys(FILES, -1.0), False
    control_planes[THIRD].ready = True
    found = renewing()
    assert isinstance(found[FIRST].changes, tuple)
    assert "the apiserver of k8s-calico-master-10-31-90-2 is not ready" in found[SECOND].message


def test_an_external_ca_is_refused_before_anything_is_changed(run_of: Any, control_planes: Lab) -> None:
    control_planes[SECOND].keys = "/etc/kubernetes/pki/etcd/ca.key\n"
    run = run_of(*NAMES, further={"renew": True})
    tasks.observe(task_of(SECOND), run)
    with pytest.raises(
        RefusedError, match=r"pki/ca.key, /etc/kubernetes/pki/front-proxy-ca.key are not there: an external CA signs"
    ):
        tasks.refuse_early(task_of(SECOND), run)
    assert control_planes.log == []


def test_days_of_the_command_line_go_before_those_of_the_inventory(renewing: Any, control_planes: Lab) -> None:
    assert [found.changes for found in renewing(days=3).values()] == [()] * 3
    assert control_planes.log == []


def test_without_renew_it_only_looks_and_fails_where_one_is_due(run_of: Any, control_planes: Lab) -> None:
    run = run_of(*NAMES, further={"renew": False, "days": None})
    result = tasks.observe(task_of(FIRST), run)
    assert result.failed
    assert result.result == "3, the first ends in 5 days"
    assert not tasks.observe(task_of(FIRST), run_of(*NAMES, further={"renew": False, "days": 2})).failed
    assert control_planes.log == []
    assert run.recall(CERTIFICATES_OF, of=FIRST) is not None


def test_a_kubelet_makes_itself_another_certificate_once(run_of: Any, control_planes: Lab) -> None:
    control_planes[FIRST].self_signed = 3
    for expected in ([(FIRST, "kubelet")], []):
        control_planes.log.clear()
        run = run_of(*NAMES, further={"renew": True})
        tasks.observe(task_of(FIRST), run)
        tasks.renew_kubelets(task_of(FIRST), run)
        assert control_planes.log == expected
    assert kubelets.first_alone(run, NAMES) == [(FIRST,), (SECOND, THIRD)]


def given(*words: str) -> CommandLine:
    return parse("certificates", "", words, further=arguments.arguments)


def test_the_command_line_is_read_and_what_makes_no_sense_is_refused(intent_of: Any) -> None:
    assert arguments.only_looks(given())
    assert not arguments.only_looks(given("--renew"))
    assert arguments.checked(given("--renew", "--dry-run", "--days", "90"), intent_of()).further["days"] == 90
    with pytest.raises(UsageError, match="--dry-run without --renew"):
        arguments.checked(given("--dry-run"), intent_of())
    for days in ("0", "301", "-1", "many"):
        with pytest.raises(SystemExit):
            given(f"--days={days}")


def test_an_error_of_a_command_is_ours(renewing: Any, control_planes: Lab) -> None:
    control_planes[FIRST].renews = False
    assert isinstance(renewing()[FIRST], CommandError)
