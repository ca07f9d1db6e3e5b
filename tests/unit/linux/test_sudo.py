"""Root by sudo with a password: over real SSH on the loopback; in the place of sudo a script that asks as it does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paramiko
import pytest
from napalm.base.exceptions import CommandErrorException
from napalm_unix_router.transport import SSHRouter

from kubepeer.errors import CommandError
from tasks.linux.shell import SUDO_CURE, DeadlineError, SshShell
from tests.unit.ssh_server import Served, serving

PASSWORD = "it's $HOME \\ a password"
# -n: as it is asked today. -S -p PROMPT: asked on standard error, read byte by byte, three times.
SUDO = """#!/bin/sh
echo "$@" >> "$SUDO_LOG"
[ "$1" != -n ] || { shift; [ "$SUDO_MODE" = free ] || { echo "sudo: a password is required" >&2; exit 1; }; exec "$@"; }
prompt=$3; shift 3
case $SUDO_MODE in
free) exec "$@" ;;
nobody) echo "eve is not in the sudoers file." >&2; exit 1 ;;
silent) exec sleep 60 ;;
lecture) echo "We trust you have received the usual lecture." >&2 ;;
esac
for attempt in 1 2 3; do
    printf '[sudo: %s] Password: ' "$prompt" >&2
    IFS= read -r given || { echo >&2; echo "sudo: no password was provided" >&2; exit 1; }
    echo "attempt" >> "$SUDO_LOG"
    [ "$given" != "$SUDO_PASSWORD" ] || exec "$@"
    echo "Sorry, try again." >&2
done
echo "sudo: 3 incorrect password attempts" >&2
exit 1
"""
Sudo = Callable[..., SshShell]


class Machine:
    """A machine on the loopback whose sudo is the script above."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        (folder / "bin").mkdir()
        (folder / "bin/sudo").write_text(SUDO)
        (folder / "bin/sudo").chmod(0o755)
        self.log = folder / "log"
        self.log.touch()
        self._folder, self._stack = folder, stack

    def served(self, mode: str) -> Served:
        """A server for eve, who logs in with a password of another kind."""
        environment = {
            "PATH": f"{self._folder / 'bin'}:/usr/bin:/bin",
            "SUDO_LOG": str(self.log),
            "SUDO_MODE": mode,
            "SUDO_PASSWORD": PASSWORD,
        }
        served = Served(paramiko.ECDSAKey.generate(), passwords={"eve": "login"}, environment=environment)
        return self._stack.enter_context(serving(served))

    def shell(self, mode: str, password: str = PASSWORD) -> SshShell:
        """A root shell, by sudo."""
        host, port = self.served(mode).address
        client = self._stack.enter_context(paramiko.SSHClient())
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(host, port, "eve", "login", allow_agent=False, look_for_keys=False)
        transport = client.get_transport()
        assert transport
        return SshShell("node", transport, sudo=True, password=password)

    @property
    def attempts(self) -> int:
        """How often a password was given."""
        return self.log.read_text().count("attempt\n")


@pytest.fixture
def machine(folder: Path) -> Iterator[Machine]:
    with ExitStack() as stack:
        yield Machine(folder, stack)


@pytest.mark.parametrize(("mode", "attempts"), [("asks", 1), ("lecture", 1), ("free", 0)])
@pytest.mark.parametrize("stdin", [None, b"given\nin two lines\n"])
def test_the_password_goes_to_sudo_where_it_asks_and_never_to_the_script(
    machine: Machine, mode: str, attempts: int, stdin: bytes | None
) -> None:
    script = (
        "cat; echo to whom it may concern >&2; exit 7" if stdin else "echo a; echo to whom it may concern >&2\nexit 7\n"
    )
    completed = machine.shell(mode).run(script, stdin=stdin)
    assert (completed.code, completed.stdout) == (7, stdin or b"a\n")
    assert completed.stderr == b"to whom it may concern\n"
    assert machine.attempts == attempts
    assert PASSWORD not in machine.log.read_text()


def test_a_large_input_arrives_behind_the_password_byte_by_byte(machine: Machine) -> None:
    data = bytes(range(256)) * 2000
    assert machine.shell("asks").run("cat", stdin=data).stdout == data


@pytest.mark.parametrize(
    ("mode", "password", "said", "attempts"),
    [
        ("asks", "wrong", "the password is wrong", 1),
        ("nobody", PASSWORD, "eve is not in the sudoers file.", 0),
        ("asks", "", "sudo: a password is required", 0),
    ],
)
def test_a_sudo_that_refuses_is_one_line_and_a_wrong_password_one_attempt(
    machine: Machine, mode: str, password: str, said: str, attempts: int
) -> None:
    with pytest.raises(CommandError) as raised:
        machine.shell(mode, password).run("echo never")
    assert str(raised.value) == f"node: sudo refused: {said} Cure: {SUDO_CURE}"
    assert machine.attempts == attempts


def test_a_sudo_that_says_nothing_is_given_up(machine: Machine) -> None:
    with pytest.raises(DeadlineError, match="no end after 1 s: echo never"):
        machine.shell("silent").run("echo never", deadline=1)


def router_of(machine: Machine, mode: str, **arguments: Any) -> SSHRouter:
    host, port = machine.served(mode).address
    return SSHRouter(host, {"username": "eve", "password": "login", "port": port, **arguments}, 10, sudo=True)


def test_a_router_where_the_user_is_root_asks_for_nothing(machine: Machine) -> None:
    (machine.log.parent / "bin/id").write_text("#!/bin/sh\necho 0\n")
    (machine.log.parent / "bin/id").chmod(0o755)
    router = router_of(machine, "asks", secret=PASSWORD)
    assert router.run("echo in").out == "in\n"
    assert machine.attempts == 0
    router.close()


@pytest.mark.parametrize(("secret", "said"), [(PASSWORD, None), ("wrong", "the password is wrong")])
def test_a_routers_sudo_is_given_the_secret(machine: Machine, secret: str, said: str | None) -> None:
    (machine.log.parent / "bin/id").write_text("#!/bin/sh\necho 1000\n")
    (machine.log.parent / "bin/id").chmod(0o755)
    router = router_of(machine, "asks", secret=secret)
    if said is None:
        assert [output.out.strip() for output in router.read(["echo one", "echo two"])] == ["one", "two"]
    else:
        with pytest.raises(CommandErrorException, match=f"sudo refused: {said}"):
            router.run("echo never")
    assert machine.attempts == 1
    router.close()
