"""The first login to SSH servers on the loopback, what a person is asked before it, and the one line of each refusal."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import paramiko
import pytest
from nornir.core.task import Task
from rich.console import Console

from kubepeer.commandline import CommandLine, parse
from kubepeer.errors import CommandError, InventoryError, KubepeerError, UsageError
from kubepeer.hostkeys import fingerprint
from kubepeer.runbook import prepare
from tasks.access import asking, controller_key, tasks
from tasks.access.asking import OPENING, arguments, first_password, make_key, meet
from tasks.access.login import Session, judge
from tasks.linux.shell import Completed
from tasks.platforms.platform import PLATFORMS
from tests.unit.ssh_server import Served, serving

NODE, OTHER = "k8s-calico-worker-10-31-90-4", "k8s-calico-worker-10-31-90-5"
PASSWORD = "right, and with a blank"


class Bare:
    """Machines on the loopback that know passwords, and a run of bootstrap.py for them."""

    def __init__(self, project: Any, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._project, self.folder, self._stack, self._monkeypatch = project, folder, stack, monkeypatch
        self.key = paramiko.ECDSAKey.generate()
        self.key.write_private_key_file(str(folder / "own_key"))
        self.known_hosts = folder / "known_hosts"
        self.asked: list[str] = []
        self.console = Console(record=True, width=200)

    def served(self, **more: Any) -> Served:
        return self._stack.enter_context(serving(Served(paramiko.ECDSAKey.generate(), **more)))

    def answers(self, *, terminal: bool = True, keys: str = "yes", password: str = PASSWORD) -> None:
        """What the person says."""

        def says(answer: str) -> Callable[[str], str]:
            def ask(question: str = "") -> str:
                self.asked.append(question)
                return answer

            return ask

        self._monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: terminal))
        self._monkeypatch.setattr("builtins.input", says(keys))
        self._monkeypatch.setattr(asking, "getpass", says(password))

    def run(
        self,
        *servers: Served,
        words: tuple[str, ...] = (),
        access: dict[str, Any] | None = None,
        host_keys: str = "accept-new",
    ) -> Any:
        names = (NODE, OTHER)[: len(servers)]
        hosts = {
            name: {
                "hostname": served.address[0],
                "port": served.address[1],
                "data": {"address": f"10.31.90.{at}", **({"access": access} if access else {})},
                "connection_options": {"netmiko": {"extras": {"key_file": "own_key"}}},
            }
            for at, (name, served) in enumerate(zip(names, servers, strict=True), 4)
        }
        ours = {"known_hosts": "known_hosts", "host_keys": host_keys}
        settings = self._project(hosts=hosts, config={"user_defined": ours})
        chosen = [word for name in names for word in ("--host", name)]
        given = parse("bootstrap", "", [*chosen, *words], further=arguments)
        return prepare(settings, given, PLATFORMS, OPENING)

    def log_in(self, run: Any, name: str = NODE) -> str:
        """What the phase says; and that it left a session."""
        task = cast("Task", SimpleNamespace(host=run.nornir.inventory.hosts[name], name="Log in"))
        said = str(tasks.log_in(task, run).result)
        session = run.recall(tasks.SESSION, of=name)
        assert session.shell.run("echo in").text == "in\n"
        return said


@pytest.fixture
def bare(project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bare]:
    with ExitStack() as stack:
        yield Bare(project, tmp_path, stack, monkeypatch)


def test_new_keys_are_shown_and_accepted_and_one_password_is_asked_for_all(bare: Bare) -> None:
    first, second = bare.served(passwords={"root": PASSWORD}), bare.served(passwords={"root": PASSWORD})
    bare.answers()
    run = bare.run(first, second)
    meet(run, bare.console)
    shown = bare.console.export_text()
    for served in (first, second):
        assert f"{served.address[0]}:{served.address[1]} {fingerprint(served.key)}" in shown
    assert [question[:20] for question in bare.asked] == ["Are they right? A pa", "Password of root on "]
    assert bare.asked[1] == "Password of root on 2 hosts: "
    assert bare.known_hosts.read_text() == first.line + second.line
    assert [bare.log_in(run, name) for name in (NODE, OTHER)] == ["with the password of root"] * 2
    assert run.redactor.hide(f"it is {PASSWORD}") == "it is ********"


def test_each_host_is_asked_for_by_name_where_that_is_wanted(bare: Bare) -> None:
    first, second = bare.served(passwords={"root": PASSWORD}), bare.served(passwords={"root": PASSWORD})
    bare.answers()
    meet(bare.run(first, second, words=("--accept-new", "--ask-each")), bare.console)
    assert bare.asked == [f"Password of root on {name}: " for name in (NODE, OTHER)]


def test_where_the_key_lets_in_nobody_is_asked_for_a_password(bare: Bare) -> None:
    served = bare.served(keys={"root": [bare.key]}, passwords={"root": PASSWORD})
    bare.answers()
    run = bare.run(served, words=("--accept-new",))
    meet(run, bare.console)
    assert bare.log_in(run) == "by key"
    assert bare.asked == []
    assert served.logins == ["root"], "one connection"


def test_another_user_logs_in_and_becomes_root_by_the_same_password(bare: Bare, tmp_path: Path) -> None:
    (folder := tmp_path / "bin").mkdir()
    (folder / "sudo").write_text(
        '#!/bin/sh\nprintf "%s" "$3" >&2; IFS= read -r p; [ "$p" = "$PW" ] || exit 1; shift 3; exec "$@"\n'
    )
    (folder / "sudo").chmod(0o755)
    (folder / "id").write_text("#!/bin/sh\necho 0\n")
    (folder / "id").chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "PW": PASSWORD}
    served = bare.served(passwords={"eve": PASSWORD}, environment=environment)
    bare.answers()
    run = bare.run(served, words=("--accept-new",), access={"first_user": "eve"})
    meet(run, bare.console)
    assert bare.asked == [f"Password of eve on {NODE}: "]
    assert bare.log_in(run) == "with the password of eve"
    assert served.logins == ["eve"]
    assert not any(PASSWORD in command for command in served.commands)


def test_a_source_is_read_where_one_is_named(bare: Bare, monkeypatch: pytest.MonkeyPatch) -> None:
    served = bare.served(passwords={"root": PASSWORD})
    monkeypatch.setenv("FIRST", PASSWORD)
    bare.answers(terminal=False)
    run = bare.run(served, words=("--accept-new",), access={"first_password": {"env": "FIRST"}})
    meet(run, bare.console)
    assert bare.log_in(run) == "with the password of root"
    assert bare.asked == []


NOT_ACCEPTED = {
    "no": ({"keys": "no"}, (), "accept-new", "the keys were not accepted. Nothing was changed."),
    "nobody": ({"terminal": False}, (), "accept-new", "nobody is here to say whether these keys are right."),
    "strict": ({}, ("--accept-new",), "strict", "host_keys is strict: keys are accepted by nobody's word."),
}


@pytest.mark.parametrize(("answers", "words", "host_keys", "said"), NOT_ACCEPTED.values(), ids=NOT_ACCEPTED)
def test_a_key_that_nobody_accepts_is_not_written_down(
    bare: Bare, answers: dict[str, Any], words: tuple[str, ...], host_keys: str, said: str
) -> None:
    served = bare.served(passwords={"root": PASSWORD})
    bare.answers(**answers)
    with pytest.raises(UsageError) as raised:
        meet(bare.run(served, words=words, host_keys=host_keys), bare.console)
    assert raised.value.message.startswith(said)
    assert fingerprint(served.key) in bare.console.export_text()
    assert bare.known_hosts.read_text() == ""
    assert served.logins == []


REFUSALS = {
    "root's password": (
        {"passwords": {"root": "another"}},
        {},
        (
            "refused root's password: it is wrong, the account is locked or expired, or sshd takes none of root's "
            "(PermitRootLogin prohibit-password or no, the default of most systems)"
        ),
    ),
    "another's password": (
        {"passwords": {"eve": "another"}},
        {"first_user": "eve"},
        "refused the password of eve: it is wrong, or the account is locked or expired",
    ),
    "no passwords at all": ({}, {}, "takes no passwords (PasswordAuthentication no), only publickey"),
}


@pytest.mark.parametrize(("server", "access", "said"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_login_is_one_line_with_its_cure(
    bare: Bare, server: dict[str, Any], access: dict[str, Any], said: str
) -> None:
    served = bare.served(**server)
    bare.answers()
    run = bare.run(served, words=("--accept-new",), access=access)
    meet(run, bare.console)
    with pytest.raises(KubepeerError) as raised:
        bare.log_in(run)
    assert raised.value.message == f"127.0.0.1:{served.address[1]} {said}"
    assert (raised.value.host, raised.value.exit_code) == (NODE, 3)
    assert raised.value.cure
    assert "\n" not in str(raised.value)
    assert PASSWORD not in str(raised.value)


def test_a_changed_host_key_is_one_line_with_its_cure_and_no_password_is_sent(bare: Bare) -> None:
    served, other = bare.served(passwords={"root": PASSWORD}), paramiko.ECDSAKey.generate()
    bare.known_hosts.write_text(f"[127.0.0.1]:{served.address[1]} {other.get_name()} {other.get_base64()}\n")
    bare.answers()
    run = bare.run(served)
    meet(run, bare.console)
    with pytest.raises(
        KubepeerError, match="is not the known one: another machine, or an attacker in between"
    ) as raised:
        bare.log_in(run)
    assert "ssh-keygen -R" in raised.value.cure
    assert (bare.asked, served.logins) == ([], [])


def test_without_a_terminal_and_a_source_the_host_says_what_is_lacking(bare: Bare) -> None:
    served = bare.served(passwords={"root": PASSWORD})
    bare.answers(terminal=False)
    run = bare.run(served, words=("--accept-new",))
    meet(run, bare.console)
    with pytest.raises(InventoryError, match="it does not know the key, and there is no password") as raised:
        first_password(run, run.nornir.inventory.hosts[NODE])
    assert "access.first_password" in raised.value.cure


def test_a_password_that_must_be_changed_is_told_as_that_where_sudo_stands_before_it_too() -> None:
    def refuse(_script: str) -> Completed:
        raise CommandError("sudo refused: Password change required but no TTY available.")

    with pytest.raises(CommandError, match="the password of eve has expired: it must be changed"):
        judge(Session(cast("Any", SimpleNamespace(run=refuse, host=NODE)), by_key=False), "eve")


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        (Completed(1, b"", b"Password change required but no TTY available.\n"), "the password of eve has expired"),
        (Completed(0, b"1000\n", b""), "eve logs in and runs no commands as root"),
        (Completed(1, b"This account is currently not available.\n", b""), "runs no commands as root: This account is"),
    ],
)
def test_a_login_that_is_of_no_use_says_why(completed: Completed, said: str) -> None:
    shell = SimpleNamespace(run=lambda _script: completed, host=NODE)
    with pytest.raises(CommandError, match=said):
        judge(Session(cast("Any", shell), by_key=False), "eve")


def given(*words: str) -> CommandLine:
    return parse("bootstrap", "", words, further=arguments)


def test_a_key_is_made_on_request_and_never_in_a_dry_run(folder: Path) -> None:
    path = folder / "keys" / "id_ed25519"
    with pytest.raises(InventoryError, match=r"there is no file .* Cure: --make-key makes one$"):
        make_key(given(), NODE, path)
    with pytest.raises(InventoryError, match="a dry run makes none"):
        make_key(given("--make-key", "--dry-run"), NODE, path)
    assert not path.parent.exists()
    make_key(given("--make-key"), NODE, path)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    public = path.with_name("id_ed25519.pub").read_text()
    assert public.startswith("ssh-ed25519 ")
    assert controller_key.public_half(path) == public.strip()
    path.with_name("id_ed25519.pub").unlink()
    assert controller_key.public_half(path).split()[:2] == public.split()[:2]


def test_a_public_half_that_is_anothers_is_refused(folder: Path) -> None:
    for name in ("one", "two"):
        make_key(given("--make-key"), NODE, folder / name)
    (folder / "two.pub").replace(folder / "one.pub")
    with pytest.raises(InventoryError, match=r"one\.pub is not of the key beside it Cure: ssh-keygen -y"):
        controller_key.public_half(folder / "one")
    (folder / "one.pub").write_text("ssh-ed25519\n")
    with pytest.raises(InventoryError, match=r"one\.pub is no public key"):
        controller_key.public_half(folder / "one")
