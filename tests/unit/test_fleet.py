"""The fleet of the benchmark: what its machines say is what Kubepeer reads, and each is one of its own."""

import ipaddress
from pathlib import Path

import paramiko
import pytest
import yaml

from benchmarks.fleet.machines import Recording, fleet, inventory, known_as, recorded
from kubepeer.intent import Intent
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.control_plane import membership, record
from tasks.linux import run_lock
from tasks.linux.observe import FileSeen, new_mark, parse, script
from tasks.nodes import facts, plan, preflight, systems
from tasks.nodes.comparison import Compared
from tasks.nodes.managers.choice import manager_of
from tasks.platforms.platform import PLATFORMS

MANY = fleet(300)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recorded()


@pytest.fixture
def intent(tmp_path: Path) -> Intent:
    for name, document in inventory(MANY).items():
        (tmp_path / name).write_text(yaml.safe_dump(document, sort_keys=False))
    return load_intent(read_settings(tmp_path / "config.yaml"), PLATFORMS)


def test_every_machine_has_a_name_and_addresses_of_its_own() -> None:
    for own in ("name", "listens", "address"):
        assert len({getattr(machine, own) for machine in MANY}) == len(MANY)
    assert len({known_as(machine) for machine in MANY}) == len(MANY)
    assert all(ipaddress.ip_address(machine.listens).is_loopback for machine in fleet(20_000))


def test_what_the_phases_ask_is_recorded_and_nothing_is_refused(recording: Recording, intent: Intent) -> None:
    every = {}
    for machine, node in zip(MANY, intent.nodes, strict=True):
        assert node.name == machine.name
        questions = {
            **facts.questions(intent, node), **membership.questions(intent), **record.QUESTIONS,
            "run lock": run_lock.question(wait=False),
        }  # fmt: skip
        mark = new_mark()
        seen = parse(recording.said(script(questions, membership.FILES, mark), machine) or b"", mark)
        assert set(seen.answers) == set(questions)
        began = float(seen["clock"].text)
        every[node.name] = facts.facts(intent, seen, (began, began))
    compared = Compared.of(every)
    assert [preflight.reasons(intent, node, compared) for node in intent.nodes] == [[]] * len(MANY)
    assert all(preflight.is_new(found) for found in every.values())


def test_a_machine_answers_with_files_of_its_own_and_has_no_others(recording: Recording, intent: Intent) -> None:
    mark = new_mark()
    asked = script(plan.questions(intent), plan.paths(intent), mark)
    seen = parse(recording.said(asked, MANY[7]) or b"", mark)
    assert seen.files["/etc/hosts"] == FileSeen("644", "root:root", "127.0.0.1 localhost\n127.0.1.1 node-00007\n")
    assert seen.files["/etc/containerd/config.toml"] is None
    assert set(seen.files) == set(plan.paths(intent))


def test_its_repositories_have_what_the_inventory_asks_for(recording: Recording, intent: Intent) -> None:
    manager, mark = manager_of(systems.read(parse(_said(recording, "system"), "@@kubepeer-0")["system"])), new_mark()
    answered = parse(recording.said(script({"repository": ":"}, [], mark), MANY[0]) or b"", mark)["repository"]
    assert manager.answered(answered).newest("kubelet", intent.software.kubernetes)


def _said(recording: Recording, question: str) -> bytes:
    return recording.said(script({question: ":"}, [], "@@kubepeer-0"), MANY[0]) or b""


@pytest.mark.parametrize("asked", ["uptime", "rm -rf /etc", script({"never recorded": "true"}, [], new_mark())])
def test_what_was_not_recorded_is_no_answer(recording: Recording, asked: str) -> None:
    with pytest.raises(LookupError):
        recording.said(asked, MANY[0])


def test_a_file_that_is_read_by_itself_is_not_there(recording: Recording) -> None:
    assert recording.said("cat /etc/kubernetes/admin.conf", MANY[0]) is None


def test_an_ssh_server_serves_them_by_their_keys(tmp_path: Path) -> None:
    """The process as the benchmark starts it, and its machines asked over SSH with their host keys checked."""
    pytest.importorskip("asyncssh")
    from benchmarks.fleet.bare_ssh import known, look  # noqa: PLC0415
    from benchmarks.fleet.serving import served  # noqa: PLC0415

    asked = script({"addresses": ":"}, [], "@@kubepeer-0").encode()
    with served(tmp_path, 3):
        key, hosts = paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "key")), known(tmp_path)
        assert [address for address, _, _ in hosts] == [machine.listens for machine in fleet(3)]
        for address, port, host_key in hosts:
            look(address, port, host_key, key, asked).close()
        (address, port, _), (_, _, other) = hosts[:2]
        with pytest.raises(paramiko.SSHException):
            look(address, port, other, key, asked)
        with pytest.raises(SystemExit):
            look(address, port, hosts[0][2], key, b"uptime")
