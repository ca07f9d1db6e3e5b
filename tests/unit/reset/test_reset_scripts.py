"""What a machine's or a router's shell does with our scripts: run by one, beside programs that are the test's."""

import re
import subprocess
from pathlib import Path

import pytest

from kubepeer.intent import Router
from tasks.linux.observe import Answer, FileSeen, Seen
from tasks.linux.state import COMMENT, Execute, in_force_again, without_block
from tasks.platforms.bird.plan import Bird
from tasks.reset import files, packages, teardown
from tasks.reset import machine as on_machine
from tasks.routers import plan
from tests.unit.removal.test_removal_plans import Machine

CTR = r"""[ ! -e silent ] || { echo "ctr: connection refused" >&2; exit 1; }
case "$*" in
*"containers ls -q") cat containers 2>/dev/null;;
*"tasks rm -f "*) echo "ended ${*##* }" >>log;;
*"containers rm "*) [ -e stuck ] || { grep -vx "${*##* }" containers >left; mv left containers; };;
*"containers info aa") echo '{"type": "network", "path": "/var/run/netns/cni-1"},';;
*"containers info bb") echo '{"type": "network", "path": "/proc/7/ns/net"},';;
*"namespaces ls -q") printf '%s\n' $(cat namespaces);;
*"images ls -q") cat images;;
*"images rm --sync "*) : >images;;
*) echo "$*" >>unknown;;
esac; true"""
OWN_NAMESPACE = 4026531836  # what ps(1) calls PIDNS


def at(script: str, folder: Path) -> str:
    """The same script of a machine whose root is this folder."""
    return re.sub(r"(?<![\w.:/}\"-])/(?=(?:etc|opt|var/lib|usr|root|run)/)", f"{folder}/root/", script)


def test_containers_end_their_networks_go_and_the_runtime_forgets_them(tmp_path: Path) -> None:
    (tmp_path / "containers").write_text("aa\nbb\n")
    machine = Machine(tmp_path, ctr=CTR, systemctl='echo "$@" >>log')
    listed = "printf '%s\\n' 'cni-1 (id: 3)' cni-podman cni-left cni-11 own"
    pids = "case $3 in cni-left) ;; *) echo 4711;; esac"  # of cni-1 a process that was killed may still be there
    machine.program("ip", f'case "$2" in list) {listed};; pids) {pids};; *) echo "$@" >>log;; esac')
    assert machine.run(teardown.COUNT_CONTAINERS).stdout.split() == ["aa", "bb"]
    ended = machine.run(at(teardown.TAKE_CONTAINERS, tmp_path))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "log").read_text().splitlines() == [
        "ended aa",
        "ended bb",
        "netns delete cni-1",
        "netns delete cni-left",
        "restart containerd",
    ]


@pytest.mark.parametrize("network", ["ids", "left"])
def test_what_cannot_be_asked_is_no_end_of_containers(tmp_path: Path, network: str) -> None:
    (tmp_path / "containers").write_text("aa\n")
    silent = {"ids": "true", "left": "touch silent"}[network]
    machine = Machine(tmp_path, ctr=CTR, ip=silent, systemctl="echo called >unwanted")
    if network == "ids":
        (tmp_path / "silent").touch()
    ended = machine.run(at(teardown.TAKE_CONTAINERS, tmp_path))
    assert (ended.returncode, ended.stderr) == (1, "ctr: connection refused\n")
    assert not (tmp_path / "unwanted").exists()


@pytest.mark.parametrize("book", [True, False])
def test_a_containerd_that_does_not_answer_is_not_one_without_containers_and_users(
    tmp_path: Path, *, book: bool
) -> None:
    (tmp_path / "silent").touch()
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/os-release").write_text("ID=debian\nID_LIKE=\n")
    if book:
        place = tmp_path / f"root{teardown.BOOK}"
        place.parent.mkdir(parents=True)
        place.touch()
    machine = Machine(tmp_path, ctr=CTR, containerd="true", dpkg_query="true")
    assert machine.run(at(teardown.COUNT_CONTAINERS, tmp_path)).stdout == (f"{teardown.UNCOUNTED}\n" if book else "")
    asked = at(packages.OTHER_USERS, tmp_path)
    assert machine.run(asked).stdout == (
        "namespaces that cannot be asked for (containerd does not answer)\n" if book else ""
    )
    (tmp_path / "silent").unlink()
    (tmp_path / "namespaces").write_text("k8s.io\nmoby\n")
    assert machine.run(asked).stdout == "namespace moby\n"
    (tmp_path / "namespaces").write_text("k8s.io\n")
    assert machine.run(asked).stdout == ""


@pytest.mark.parametrize(
    ("state", "ends", "told"),
    [
        ("active", 0, []),
        ("failed", 0, ["reset-failed containerd", "start containerd"]),
        ("stuck", 1, ["reset-failed containerd", "start containerd"]),
    ],
)
def test_containerd_is_started_where_it_does_not_answer(tmp_path: Path, state: str, ends: int, told: list[str]) -> None:
    words = f'case "$1" in is-active) [ {state} = active ];; *) echo "$@" >>log; [ $1 != start ] || [ {state} != stuck ];; esac'
    ended = Machine(tmp_path, systemctl=words).run(teardown.START)
    assert ended.returncode == ends
    log = tmp_path / "log"
    assert (log.read_text().splitlines() if log.exists() else []) == told


def test_a_container_that_still_runs_is_seen_by_its_shim(tmp_path: Path) -> None:
    listed = (
        f"   7 {OWN_NAMESPACE} /usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id aa -address /run/containerd/containerd.sock",
        f"   8 {OWN_NAMESPACE} /usr/bin/containerd-shim-runc-v2 -namespace moby -id bb -address /run/containerd/containerd.sock",
        f"   9 {OWN_NAMESPACE} grep containerd-shim -namespace k8s.io x",
        "  10 4026532701 /usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id cc -address /run/containerd/containerd.sock",
    )
    (tmp_path / "args").write_text("\n".join(listed) + "\n")
    (tmp_path / "comm").write_text("  11 kubelet\n  12 kubeless\n")
    found = Machine(
        tmp_path, ps=f'case "$*" in *-p*) echo " {OWN_NAMESPACE}";; *args=*) cat args;; *) cat comm;; esac'
    ).run(on_machine.RUNS)
    assert found.stdout.splitlines() == ["  11 kubelet", "7 a container of Kubernetes"]
    assert found.returncode == 0


def test_a_container_that_does_not_go_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "containers").write_text("aa\n")
    (tmp_path / "stuck").touch()
    ended = Machine(tmp_path, ctr=CTR, ip="true", systemctl="echo called >unwanted").run(
        at(teardown.TAKE_CONTAINERS, tmp_path)
    )
    assert (ended.returncode, ended.stderr) == (1, "still there: aa\n")
    assert not (tmp_path / "unwanted").exists()


def test_images_go_whatever_they_are_called(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("registry/a:1\nsha256:aaaa\n")
    machine = Machine(tmp_path, ctr=CTR)
    assert machine.run(packages.TAKE_IMAGES).returncode == 0
    assert machine.run(packages.LIST_IMAGES).stdout == ""
    assert machine.run(packages.TAKE_IMAGES).returncode == 0, "nothing is there any more"


def test_empty_folders_of_nobodys_go_from_the_inside_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for folder in (
        "etc/kubernetes/pki/etcd",
        "etc/kubernetes/manifests",
        "var/lib/kubelet/pods",
        "etc/cni/net.d",
        "opt/own",
    ):
        (root / folder).mkdir(parents=True)
    (root / "etc/cni/net.d/05-own.conflist").touch()
    machine = Machine(tmp_path, dpkg=f'[ "$2" = {root}/etc/kubernetes/manifests ]', rpm="false")
    seen = machine.run(at(packages.LIST_FOLDERS, tmp_path)).stdout.split()
    assert set(seen) == {f"{root}/etc/kubernetes/pki/etcd", f"{root}/var/lib/kubelet/pods"}
    assert machine.run(at(packages.TAKE_FOLDERS, tmp_path)).returncode == 0
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "etc",
        "etc/cni",
        "etc/cni/net.d",
        "etc/cni/net.d/05-own.conflist",
        "etc/kubernetes",
        "etc/kubernetes/manifests",
        "opt",
        "opt/own",
        "var",
        "var/lib",
    ]
    assert machine.run(at(packages.LIST_FOLDERS, tmp_path)).stdout == ""


@pytest.mark.parametrize(
    ("said", "code"), [("Purg kubelet [1.36]\nPurg kubeadm [1.36]", 0), ("Purg kubelet [1]\nPurg rook [1]", 100)]
)
def test_apt_takes_nothing_else_with_it(tmp_path: Path, said: str, code: int) -> None:
    machine = Machine(tmp_path, flock="true", systemctl="true")
    machine.program("apt-get", f"case \"$*\" in *-s*) printf '%s\\n' '{said}';; *) echo \"$@\" >>log;; esac")
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/run").mkdir()
    (tmp_path / "root/etc/os-release").write_text("ID=debian\nID_LIKE=\n")
    script = at(packages._removal(["kubelet", "kubeadm"]), tmp_path)
    ended = machine.run(script)
    assert ended.returncode == code, ended.stderr
    log = tmp_path / "log"
    if code:
        assert ended.stderr == "with them would go: rook (nothing was removed)\n"
    assert log.exists() is (code == 0)


def test_a_key_that_another_source_names_stays(tmp_path: Path, intent_of: object) -> None:
    root = tmp_path / "root"
    (root / "etc/apt/sources.list.d").mkdir(parents=True)
    keys = root / "etc/apt/keyrings"
    keys.mkdir()
    for name in ("kubernetes.asc", "docker.asc"):
        (keys / name).touch()
    (root / "etc/apt/sources.list.d/own.list").write_text(f"deb [signed-by={keys}/docker.asc] https://d.example ./\n")
    (root / "etc/apt/sources.list.d/kubepeer.list").write_text(
        f"deb [signed-by={keys}/kubernetes.asc] https://k.example ./\n"
    )
    listed = files.LEFT_KEYS.format(
        keys="/etc/apt/keyrings/kubernetes.asc /etc/apt/keyrings/docker.asc", pattern="/etc/pki/none-"
    )
    found = Machine(tmp_path).run(at(listed, tmp_path)).stdout.split()
    assert found == [f"{keys}/kubernetes.asc"]


@pytest.mark.parametrize(
    "text",
    ["", "127.0.0.1 localhost\n", "# BEGIN own\n# END own\n", f"{COMMENT}/dev/b none swap sw 0 0\n# {COMMENT}\n"],
)
def test_a_block_and_marks_are_all_that_goes(text: str) -> None:
    from tasks.linux.state import block  # noqa: PLC0415  beside what takes it away

    with_ours = block(text, ["10.31.90.1 a", "10.31.90.2 b"], "kubepeer")
    assert without_block(with_ours, "kubepeer") == text
    assert without_block(text, "kubepeer") == text
    assert in_force_again(text) == text.replace(f"{COMMENT}/dev/b", "/dev/b")


@pytest.fixture
def bird(intent_of: object) -> Router:
    router: Router = intent_of().router("tiny-unraid")  # type: ignore[operator]
    return router


@pytest.mark.parametrize(
    ("include", "parser", "asked", "left"),
    [
        ('include "{0}/*.conf";', "0020 Configuration OK", ["kubepeer.conf"], []),
        ('include "{0}/*.conf";', "8002 no", ["kubepeer.conf"], ["kubepeer.conf"]),
        ('include "{0}/kubepeer.conf";', "0020 Configuration OK", [], ["kubepeer.conf"]),
    ],
)
def test_birds_empty_file_goes_where_bird_does_without(
    tmp_path: Path, bird: Router, include: str, parser: str, asked: list[str], left: list[str]
) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    main, ours = tmp_path / "bird.conf", folder / "kubepeer.conf"
    main.write_text(f"router id 1.2.3.4;\n{include.format(folder)}\n")
    ours.touch()
    router = bird.model_copy(
        update={
            "configuration_files": bird.configuration_files.model_copy(update={"main": str(main), "ours": str(ours)})
        }
    )
    machine = Machine(tmp_path, birdc=f"echo '{parser}'")
    said = machine.run(Bird().file_question(router)).stdout
    assert [Path(line).name for line in said.splitlines()] == asked
    change = Bird().file_gone(router, Seen({"file": Answer(0, said)}, {}), "file")
    if change:
        (step,) = change.steps
        assert isinstance(step, Execute)
        assert machine.run(step.script).returncode == 0
    assert [path.name for path in folder.iterdir()] == left


def test_a_file_that_is_not_empty_is_not_taken(tmp_path: Path, bird: Router) -> None:
    ours = tmp_path / "kubepeer.conf"
    ours.write_text("# somebody's\n")
    router = bird.model_copy(
        update={"configuration_files": bird.configuration_files.model_copy(update={"ours": str(ours)})}
    )
    change = Bird().file_gone(router, Seen({"file": Answer(0, str(ours))}, {}), "file")
    assert change is not None
    (step,) = change.steps
    assert isinstance(step, Execute)
    assert Machine(tmp_path, birdc="true").run(step.script).returncode == 1
    assert ours.exists()


@pytest.mark.parametrize(("owners", "wanted"), [("", "0"), ("2", "2")])
def test_the_kernels_setting_is_what_a_boot_would_set(intent_of: object, owners: str, wanted: str) -> None:
    router = intent_of().router("openwrt")  # type: ignore[operator]
    name = "net.ipv4.fib_multipath_hash_policy"
    answers = {name: Answer(0, "1\n"), f"{name} of its owner": Answer(0, owners)}
    assert set(plan.departure_questions(router)) == set(answers)
    ours = FileSeen("644", "root:root", f"{name} = 1\n")
    changes = plan.plan_departure(router, Seen(answers, {plan.SYSCTL_FILE: ours}))
    assert [(change.what, change.after) for change in changes] == [(f"sysctl {name}", wanted), (plan.SYSCTL_FILE, None)]
    assert plan.plan_departure(router, Seen(answers, {plan.SYSCTL_FILE: None})) == ()


def test_the_owners_own_line_is_found_wherever_it_stands(tmp_path: Path, intent_of: object) -> None:
    router = intent_of().router("openwrt")  # type: ignore[operator]
    (tmp_path / "root/etc/sysctl.d").mkdir(parents=True)
    name = "net.ipv4.fib_multipath_hash_policy"
    (tmp_path / "root/etc/sysctl.d/10-own.conf").write_text(f"{name}=2\n")
    (tmp_path / "root/etc/sysctl.d/90-kubepeer.conf").write_text(f"{name} = 1\n")
    asked = plan.departure_questions(router)[f"{name} of its owner"]
    read = subprocess.run(["/bin/sh", "-s"], input=at(asked, tmp_path), text=True, capture_output=True, check=False)
    assert read.stdout.strip() == "2"
