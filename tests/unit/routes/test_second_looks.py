"""The second look: nobody is asked while all is well, nobody twice, no password leaves a machine, and what fails proves nothing."""

import subprocess
from ipaddress import ip_address
from types import SimpleNamespace

import pytest

from kubepeer.checks import Finding
from kubepeer.errors import CommandError, LoginRefusedError, UnreachableError
from kubepeer.intent.model import ConfigurationFiles
from kubepeer.run import Options, Run
from tasks.linux import observe
from tasks.linux.shell import Completed
from tasks.platforms.platform import PLATFORMS
from tasks.platforms.second_look import LooksAgain, digested, dropped
from tasks.platforms.seen import RouterSeen
from tasks.routes.causes import asking, node_look, of_errors, of_intent
from tasks.routes.expected import Announced
from tests.unit.platforms.recordings import NODES
from tests.unit.routes.intents import intent

SECRET = 'it\'s a "p$(assword)" \\ `x`'
READERS = {name: platform.reader for name, platform in PLATFORMS.items() if isinstance(platform.reader, LooksAgain)}


def shell(script: str) -> str:
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
    return done.stdout


class Machines:
    """Shells that count who was asked, and answer nothing; some of them cannot be reached."""

    def __init__(self, **unreachable: Exception) -> None:
        self.asked: list[str] = []
        self.unreachable = unreachable

    def open(self, _: object, name: str) -> "Machines":
        self.asked.append(name)
        if name in self.unreachable:
            raise self.unreachable[name]
        return self

    def run(self, script: str, **_: object) -> Completed:
        done = subprocess.run(["sh", "-n"], input=script, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        mark = script.partition("printf '%s %s %s %s\\n%s\\n%s\\n' ")[2].split()[0]
        names = [
            line.split(" answer ")[1].split(" $?")[0].strip("'")
            for line in script.splitlines()
            if "; say answer " in line
        ]
        said = "".join(f"{mark} answer {name} 0\n\n{mark}\n" for name in names)
        return Completed(0, said.encode(), b"")


@pytest.fixture
def look(monkeypatch):
    def start(machines, findings, platform="frr"):
        monkeypatch.setattr(asking, "open_shell", machines.open)
        monkeypatch.setattr(asking, "open_api", lambda _: pytest.fail("the API") if not machines else refuse())
        addresses = {f"n{number}": str(address) for number, address in enumerate(NODES, 1)}
        run = Run(
            intent(platform, ["r2"], **addresses),
            None,
            Options(),
            SimpleNamespace(inventory=SimpleNamespace(hosts=[*addresses])),
            frozenset(),
        )
        found = []
        for router in ("r1", "r2"):
            task = SimpleNamespace(host=SimpleNamespace(name=router))
            found.append(asking.with_causes(task, run, findings, RouterSeen(), Announced(), PLATFORMS[platform].reader))
        return found

    def refuse():
        raise UnreachableError("nobody")

    return start


def lost(*numbers: int) -> list[Finding]:
    return [
        Finding("r1", "session", str(NODES[number - 1]), "bgp", ok=False, reason="Active: off") for number in numbers
    ]


def test_nobody_is_asked_while_all_is_well(look):
    machines = Machines()
    well = [Finding("r1", "session", str(NODES[0]), "bgp", ok=True)]
    assert look(machines, well) == [tuple(well), tuple(well)]
    assert machines.asked == []


def test_each_router_is_asked_once_more_and_each_lost_node_once_for_both(look):
    machines = Machines()
    look(machines, lost(2, 5))
    assert sorted(machines.asked) == ["n2", "n5", "r1", "r2"]


def test_a_platform_without_a_second_look_is_not_asked_again(look):
    machines = Machines()
    look(machines, lost(2), platform="eos")
    assert machines.asked == ["n2"]


def test_who_cannot_be_asked_is_no_failure_of_the_run(look):
    machines = Machines(
        r1=UnreachableError("gone"),
        r2=CommandError("gone"),
        n2=UnreachableError("no answer"),
        n5=LoginRefusedError("no"),
    )
    ((first, second), _) = look(machines, lost(2, 5))
    assert first.cause  # no session is known at all: it is no neighbour
    assert second.cause


def test_no_more_than_so_many_nodes_are_asked_for_one_router(look, monkeypatch):
    monkeypatch.setattr(asking, "MOST_NODES", 2)
    machines = Machines()
    look(machines, lost(1, 2, 3, 4))
    assert [name for name in machines.asked if name.startswith("n")] == ["n1", "n2"]


@pytest.mark.parametrize("line", [" neighbor 10.0.0.1 password {}", '  password "{}";'])
def test_a_password_leaves_as_a_digest_that_is_the_same_on_both_ends(line, tmp_path):
    file = tmp_path / "configuration"
    secret = SECRET.replace('"', "") if '"' in line else SECRET
    file.write_text(f"before\n{line.format(secret)}\nafter \\ it\n")
    first, again, salted = (shell(digested(f"cat {file}", salt)) for salt in ("aa", "aa", "bb"))
    assert first == again != salted
    assert secret not in first
    kept = first.splitlines()
    assert kept[0] == "before"
    assert kept[2] == "after \\ it"
    assert len(kept) == 3


def test_the_digest_of_one_password_is_the_same_in_both_ways_of_writing(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text(" neighbor 10.0.0.1 password hush\n")
    other.write_text('  password "hush";\n')
    digests = [shell(digested(f"cat {file}", "aa")).split()[-1].strip('";') for file in (one, other)]
    assert digests[0] == digests[1] != ""


@pytest.mark.parametrize("name", READERS)
def test_the_questions_of_a_router_are_a_script_of_sh(name):
    asked = READERS[name].second_questions("aa", ConfigurationFiles())
    done = subprocess.run(
        ["sh", "-n"], input=observe.script(asked, (), "@@m"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_node_without_the_daemon_answers_at_once_and_says_so():
    asked = node_look.questions("aa", [ip_address("127.0.0.1")])
    asked |= {"container": "true", "kubelet": "echo inactive"}  # not of this machine
    script = observe.script(
        {name: command.replace("pgrep -x bird", "false") for name, command in asked.items()}, (), "@@m"
    )
    seen = observe.parse(shell(script).encode(), "@@m")
    found = node_look.read(seen.answers)
    assert (found.daemon, found.peers, found.container, found.kubelet) == ("absent", None, "", "inactive")
    assert found.ways["127.0.0.1"].startswith("local 127.0.0.1")


def test_rules_that_have_met_packets_of_the_port_and_no_others():
    lines = [
        "[3:180] -A INPUT -p tcp -m tcp --dport 179 -j DROP",
        "[0:0] -A INPUT -p tcp -m tcp --sport 179 -j DROP",
        "[9:540] -A INPUT -p tcp -m tcp --dport 1790 -j DROP",
        "[9:540] -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP",
    ]
    assert dropped(lines) == ("-A INPUT -p tcp -m tcp --dport 179 -j DROP (3 packets)",)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnreachableError("10.0.0.1:22 does not answer", host="r1"), "RouterUnreachable"),
        (LoginRefusedError("no key", host="r1"), "RouterUnreachable"),
        (UnreachableError("the Kubernetes API at 10.0.0.2 is not ready"), "ApiDown"),
        (CommandError("bgpd is not running", cure="systemctl status frr"), "RouterDaemonDown"),
        (CommandError("an answer that is no JSON"), ""),
    ],
)
def test_why_nothing_could_be_verified(error, cause):
    finding = of_errors.finding_of("r1", error)
    assert (finding.cause, finding.ok) == (cause, False)
    assert error.message in finding.reason
    assert [one.answered for one in finding.evidence] == ([error.message] if cause else [])


def test_what_the_cluster_was_told_not_to_announce():
    pools = list(intent("frr", (), n1="10.0.0.1").cluster.networks.pools)
    announced = Announced(excluded={NODES[0]: "node-1"}, unexported=(pools[0].cidr,))
    remark, failure = of_intent.told("r1", announced, [pools[0].cidr])
    assert (remark.ok, remark.check, remark.cause) == (True, "remark", "NodeExcludedByLabel")
    assert (failure.ok, failure.cause) == (False, "PoolNotExported")
    (alone,) = of_intent.told("r1", announced, [])  # the inventory does not announce it either
    assert alone == remark
