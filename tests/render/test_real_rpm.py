"""What a node of rpm is told, by the real dnf and rpm: what its repositories have, one transaction, and what is held."""

import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kubepeer.intent import Intent
from kubepeer.intent.rpm import RpmRepository
from lab.places import Cache
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import Execute, LinuxChange, Write
from tasks.nodes import packages
from tasks.nodes.managers.choice import manager_of
from tasks.nodes.managers.rpm import REPOSITORY_FILE, key_path
from tasks.nodes.managers.versionlock import DNF_LIST, YUM_LIST
from tasks.nodes.repository import Repository
from tasks.nodes.systems import System
from tests.conftest import unavailable
from tests.render import programs
from tests.render.programs import overlaid
from tests.render.rpm_repositories import Package, build, index, sign_index

ROCKY = System("rocky", ("rhel", "centos", "fedora"), "9.6", "dnf")
DNF = manager_of(ROCKY)
SUSE = "150500.1.1"
KUBERNETES = [
    *(Package(name, version, SUSE) for version in ("1.36.2", "1.36.3", "1.36.10") for name in packages.KUBERNETES),
    Package("kubelet", "1.36.3", "150500.2.1"),
    Package("cri-tools", "1.36.0", SUSE),
]
OTHERS = [
    Package("containerd.io", "1.7.27", "3.1.el9", tags=(("Conflicts", "containerd"), ("Obsoletes", "old-runtime"))),
    Package("containerd", "1.7.0", "1.el9"),
    Package("old-runtime", "1", "1"),
    Package("ipset", "7.17", "1.el9", epoch=2),
    *(Package(name, "1", "1.el9") for name in ("chrony", "conntrack-tools", "iproute-tc", "ipvsadm")),
    Package("iptables-nft", "1.8.10", "2.el9", tags=(("Provides", "iptables"),)),
]
HAVE = Repository(
    {
        **dict.fromkeys(("kubeadm", "kubectl"), (f"1.36.10-{SUSE}", f"1.36.3-{SUSE}", f"1.36.2-{SUSE}")),
        "kubelet": (f"1.36.10-{SUSE}", "1.36.3-150500.2.1", f"1.36.3-{SUSE}", f"1.36.2-{SUSE}"),
        "cri-tools": (f"1.36.0-{SUSE}",),
        "containerd": ("1.7.0-1.el9",),
        "containerd.io": ("1.7.27-3.1.el9",),
    }
)
PLUGIN = "usr/lib/python3/dist-packages/dnf-plugins/versionlock.py"
OWNER = "lab <root@localhost>"


@dataclass(frozen=True)
class Machine:
    """A root with dnf, and the folder that it sees as /mnt, with repositories in it; whether versionlock is there from the start."""

    layers: list[Path]
    folder: Path
    plugin: bool

    def run(self, *scripts: str) -> str:
        """What these scripts print, one after the other on one machine, which is gone then; --- is between them."""
        lines = [
            "mount -t proc proc /proc",
            "mkdir -p /etc/yum.repos.d",
            "printf 'ID=rocky\\nID_LIKE=rhel\\n' >/etc/os-release",
        ]
        lines += [f'({script}\n) 2>&1; echo "--- $?"' for script in scripts]
        return overlaid(self.layers, self.folder, ["sh", "-c", "\n".join(lines)]).text


@pytest.fixture(scope="session")
def machine(cache: Cache, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    layers = programs.rpm_layers(cache)
    if not layers:
        unavailable(
            "no root with dnf and rpm: python -m lab build, or KUBEPEER_RPM_ROOT with Debian's dnf and rpm in it, and root"
        )
    folder = tmp_path_factory.mktemp("rpm")
    for name, of_it, owner in (
        ("kubernetes", KUBERNETES, ""),
        ("others", OTHERS, ""),
        ("signed", KUBERNETES[:3], OWNER),
    ):
        said = build(layers, folder / name, of_it, owner)
        assert said.code == 0, said.text
        index(folder / name, of_it)
    said = sign_index(layers, folder / "signed")
    assert said.code == 0, said.text
    if any((layer / PLUGIN).exists() for layer in layers):
        return Machine(layers, folder, plugin=True)
    package = next((cache.path / "mirror/el9").rglob("python3-dnf-plugin-versionlock-*.noarch.rpm"))  # the lab's own
    shutil.copy(package, folder / "others")
    name, version, release = package.name.removesuffix(".noarch.rpm").rsplit("-", 2)
    index(folder / "others", [*OTHERS, Package(name, version, release)])
    return Machine(layers, folder, plugin=False)


@pytest.fixture
def intent(intent_of: Callable[..., Intent]) -> Intent:
    """Both repositories, and no others."""
    names = ("kubernetes", "others")
    return with_repositories(
        intent_of("today"), *(RpmRepository(name=name, baseurl=f"file:///mnt/{name}", unsigned=True) for name in names)
    )


def with_repositories(intent: Intent, *repositories: RpmRepository, only: bool = True) -> Intent:
    update = {"rpm_repositories": repositories, "only_these_repositories": only}
    return intent.model_copy(update={"own_packages": intent.packages.model_copy(update=update)})


def look_up(machine: Machine, intent: Intent, keys: dict[str, str] | None = None, before: str = "true") -> Repository:
    """What the repositories have, and that the question leaves nothing behind."""
    question = f"export LC_ALL=C\n{DNF.question(intent, keys or {}, packages.asked_for(ROCKY))}"
    marked = f"{before}; touch /before; sleep 0.1"
    elsewhere = " ".join(f"-not -path '{path}/*'" for path in ("/proc", "/mnt", "/var/lib/rpm"))
    left = f"find / -xdev -newer /before {elsewhere} -type f; ls /run | grep kubepeer"
    _, said, rest = machine.run(marked, question, left).split("--- ", 2)
    code, _, left_behind = rest.partition("\n")
    assert left_behind.startswith("--- "), left_behind
    return DNF.answered(Answer(int(code), said.partition("\n")[2]))


def planned(
    intent: Intent, repository: Repository, stands: str = "", programs: str = "versionlock"
) -> dict[str, LinuxChange]:
    """The packages' changes on a machine where these are installed, NAME VERSION each."""
    answers = {
        "system": Answer(0, "rocky rhel centos fedora\nversion 9.6\nmanager dnf"),
        "packages": Answer(0, "".join(f"{line} installed\n" for line in stands.split("\n") if line)),
        "programs": Answer(0, programs),
        **{name: Answer(0, "") for name in ("running", "member", "held")},
    }
    seen = Seen(answers, dict.fromkeys([REPOSITORY_FILE, DNF_LIST, YUM_LIST]))
    return {change.what: change for change in packages.plan_packages(intent, seen, repository) if change}


def section(name: str, *lines: str) -> str:
    """Prints a repository that somebody has written by hand."""
    text = "".join(
        f"{line}\\n" for line in (f"[{name}]", f"name={name}", f"baseurl=file:///mnt/{name}", "gpgcheck=0", *lines)
    )
    return f"printf '{text}'"


def of(name: str, *words: str) -> str:
    """Somebody installs packages of one of the repositories."""
    return f"dnf -y install --repofrompath=o,file:///mnt/{name} --setopt=o.gpgcheck=0 --repo=o {' '.join(words)} >/dev/null"


def script_of(change: LinuxChange) -> str:
    """What a change does, as a script."""
    (step,) = change.steps
    if isinstance(step, Write):
        return f"mkdir -p $(dirname {step.path}); printf '%s' {shlex.quote(step.content)} >{step.path}"
    assert isinstance(step, Execute)
    return step.script


def test_every_version_is_found_the_newest_first(machine: Machine, intent: Intent) -> None:
    assert look_up(machine, intent) == HAVE


def test_what_was_excluded_by_hand_is_found_and_installed_all_the_same(machine: Machine, intent: Intent) -> None:
    """The repository as Kubernetes' documentation has it, in the machine's own files."""
    by_hand = (
        f"{section('kubernetes', 'exclude=kubelet kubeadm kubectl cri-tools')} >/etc/yum.repos.d/kubernetes.repo\n"
        f"{section('others')} >/etc/yum.repos.d/others.repo"
    )
    own = with_repositories(intent, only=False)
    repository = look_up(machine, own, before=by_hand)
    assert repository.newest("kubelet", "1.36.3") == "1.36.3-150500.2.1"
    said = machine.run(by_hand, script_of(planned(own, repository)["packages"]), "rpm -q kubelet")
    assert "kubelet-1.36.3-150500.2.1.noarch" in said


def test_a_bare_machine_gets_what_the_plan_says_and_keeps_it(machine: Machine, intent: Intent) -> None:
    changes = planned(intent, HAVE, programs="versionlock" if machine.plugin else "")
    assert list(changes) == [REPOSITORY_FILE, "packages", DNF_LIST]
    said = machine.run(
        *map(script_of, changes.values()),
        packages.PACKAGES_QUESTION,
        "dnf -q versionlock list",
        f"dnf -y upgrade --disablerepo='*' --enablerepo='kubepeer-*' >/dev/null; {packages.PACKAGES_QUESTION}",
    )
    *steps, stands, locked, later, _ = said.split("--- 0\n")
    assert steps == ["", "", ""]
    installed = packages.installed(Answer(0, stands))
    wanted = {
        name: version
        for name, _, version in (line.partition(" ") for line in (changes["packages"].after or "").splitlines())
    }
    assert {name: installed[name] for name in wanted} == {
        name: version or installed[name] for name, version in wanted.items()
    }
    assert installed["ipset" if "ipset" in wanted else "kubelet"]
    assert sorted(line for line in locked.splitlines() if line.endswith(".*")) == sorted(
        f"{name}-0:{installed[name]}.*" for name in packages.OURS
    )
    assert packages.installed(Answer(0, later)) == installed
    again = planned(intent, Repository(), "".join(f"{name} {version}\n" for name, version in installed.items()))
    assert "packages" not in again


def test_a_newer_kubernetes_of_no_member_is_taken_back(machine: Machine, intent: Intent) -> None:
    stands = "\n".join(f"{name} 1.36.10-{SUSE}" for name in packages.KUBERNETES)
    changes = planned(intent, HAVE, stands)
    newer = of("kubernetes", "kubelet", "kubeadm", "kubectl")
    locked = "echo 'kubelet-0:1.36.10-*.*' >>/etc/dnf/plugins/versionlock.list"
    said = machine.run(newer, locked, *map(script_of, changes.values()), "rpm -q kubelet kubeadm kubectl")
    assert said.endswith(
        f"kubelet-1.36.3-150500.2.1.noarch\nkubeadm-1.36.3-{SUSE}.noarch\nkubectl-1.36.3-{SUSE}.noarch\n--- 0\n"
    ), said


def test_nothing_of_somebody_else_is_removed(machine: Machine, intent: Intent) -> None:
    """containerd.io takes the place of old-runtime, by what it says of itself."""
    changes = planned(intent, HAVE)
    there = of("others", "--exclude=containerd.io", "old-runtime")
    said = machine.run(there, *map(script_of, changes.values()), "rpm -q old-runtime kubelet")
    assert "dnf would remove old-runtime: nothing was installed\n--- 100\n" in said
    assert "old-runtime-1-1.noarch\npackage kubelet is not installed\n" in said


def test_a_conflict_is_told_with_its_cause(machine: Machine, intent: Intent) -> None:
    changes = planned(intent, HAVE)
    there = of("others", "containerd")
    said = machine.run(there, *map(script_of, changes.values()))
    assert "conflicts with containerd provided by containerd-1.7.0-1.el9.noarch" in said
    assert "--- 100\n" in said


def test_another_dnf_is_waited_for_and_named(machine: Machine, intent: Intent) -> None:
    changes = planned(intent, HAVE)
    script = script_of(changes["packages"]).replace("-ge 60", "-ge 1")
    holder = (
        "mkdir -p /var/cache/dnf; exec 2>/dev/null >/dev/null; sleep 60 & printf $! >/var/cache/dnf/metadata_lock.pid"
    )
    said = machine.run(
        script_of(changes[REPOSITORY_FILE]), holder, script, "kill $(cat /var/cache/dnf/metadata_lock.pid)"
    )
    assert "(sleep), for 120 s\n--- 100\n" in said


def test_another_rpm_is_waited_for_and_named(machine: Machine, intent: Intent) -> None:
    """rpm itself holds a lock of the kernel's, which says no process."""
    changes = planned(intent, HAVE)
    script = script_of(changes["packages"]).replace("-ge 60", "-ge 1")
    lock = "import fcntl, time; f = open('/var/lib/rpm/.rpm.lock', 'a+'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); time.sleep(600)"
    # an overlay calls a file of the layer below by one number in stat(2), by another in /proc/locks: this one is made above
    anew = "rm -f /var/lib/rpm/.rpm.lock"
    holder = f'{anew}; mkfifo /held; (exec python3 -c "{lock}" >/held 2>/dev/null) & echo $! >/pid; read -r line </held'
    said = machine.run(script_of(changes[REPOSITORY_FILE]), holder, script, "kill $(cat /pid)")
    assert "(Resource temporarily unavailable) (python3), for 120 s\n--- 100\n" in said


def test_a_repository_that_is_not_there_is_named_with_its_cause(machine: Machine, intent: Intent) -> None:
    nowhere = RpmRepository(name="nowhere", baseurl="http://127.0.0.1:9/rpm/$basearch", unsigned=True)
    trouble = look_up(machine, with_repositories(intent, nowhere)).trouble
    assert "127.0.0.1" in trouble
    assert "onnect" in trouble


def test_packages_are_checked_by_the_key_of_their_repository(machine: Machine, intent: Intent) -> None:
    signed = RpmRepository(name="signed", baseurl="file:///mnt/signed", gpgkey="x", repo_gpgcheck=True)
    path, key = key_path(signed), (machine.folder / "signed/key").read_text()
    own = with_repositories(intent, signed)
    assert look_up(machine, own, {path: key}).newest("kubelet", "1.36.2") == f"1.36.2-{SUSE}"
    place = f"mkdir -p $(dirname {path}); printf '%s' {shlex.quote(key)} >{path}"
    file = script_of(next(change for change in DNF.plan_repositories(own, Seen({}, {REPOSITORY_FILE: None})) if change))
    install = DNF.installation({"kubelet": f"1.36.2-{SUSE}"}, {}, only_ours=True).script
    assert machine.run(place, file, install, "rpm -q kubelet").endswith(f"kubelet-1.36.2-{SUSE}.noarch\n--- 0\n")
    unsigned = file.replace("file:///mnt/signed", "file:///mnt/kubernetes").replace(
        "repo_gpgcheck=1", "repo_gpgcheck=0"
    )
    said = machine.run(place, unsigned, install)
    assert "is not signed" in said
    assert said.endswith("--- 100\n")


def test_metadata_of_another_key_is_not_read(machine: Machine, intent: Intent) -> None:
    signed = RpmRepository(name="signed", baseurl="file:///mnt/kubernetes", gpgkey="x", repo_gpgcheck=True)
    key = (machine.folder / "signed/key").read_text()
    trouble = look_up(machine, with_repositories(intent, signed), {key_path(signed): key}).trouble
    assert "repomd.xml" in trouble
