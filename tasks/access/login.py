"""The first login: by the key where it is known already, else with the password that is all the machine knows."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import paramiko
from napalm_unix_router.login import log_in
from netmiko import ConnectHandler
from nornir.core import Nornir
from nornir.core.inventory import Host

from kubepeer.errors import CommandError, KubepeerError, LoginRefusedError, UnreachableError
from kubepeer.way import SSH_PORT, Connection, is_refusal, shown
from tasks.linux.connect import explain, known_keys
from tasks.linux.shell import SshShell, open_shell

WITHOUT_KEYS = {"use_keys": False, "key_file": None, "pkey": None, "allow_agent": False}
PASSWORD_METHODS = {"password", "keyboard-interactive"}


@dataclass(frozen=True)
class Session:
    """A root shell, and how it was entered.

    Attributes:
        by_key: as the other runbooks enter it; else with a password.
        keeper: holds the connection open.

    """

    shell: SshShell
    by_key: bool
    keeper: Any = None


def by_key(nornir: Nornir, name: str) -> Session:
    """As the other runbooks log in.

    Raises:
        LoginRefusedError: the host does not know the key.

    """
    shell = open_shell(nornir, name)
    return Session(shell, by_key=True, keeper=nornir.inventory.hosts[name].connections.get("netmiko"))


def by_password(host: Host, user: str, password: str, sudo_password: str) -> Session:
    """With a password, and no key.

    Args:
        host: with the arguments of its netmiko connection.
        user: who logs in.
        password: his.
        sudo_password: what sudo is given, where he is not root.

    Raises:
        UnreachableError: refused, or not reached: one line with the cure.

    """
    arguments = (host.get_connection_parameters("netmiko").extras or {}) | WITHOUT_KEYS
    if isinstance(sock := arguments.get("sock"), Connection):
        arguments["sock"] = sock.again()
    opened = ConnectHandler(
        device_type="linux",
        host=str(host.hostname),
        port=host.port or SSH_PORT,
        username=user,
        password=password,
        **arguments,
    )
    try:
        log_in(opened, partial(known_keys, opened))
    except KubepeerError:
        raise
    except Exception as error:
        raise refusal(host, user, error) from error
    client: paramiko.SSHClient | None = opened.remote_conn_pre
    transport = client.get_transport() if client else None
    if transport is None:
        raise UnreachableError("the SSH connection was lost", host=host.name, cure="run again")
    return Session(
        SshShell(host.name, transport, sudo=user != "root", password=sudo_password), by_key=False, keeper=opened
    )


def refusal(host: Host, user: str, error: Exception) -> UnreachableError:
    """Why a login with a password failed, and the cure: sshd itself says no more than that it did (RFC 4252, 5.1)."""
    where = shown(str(host.hostname), host.port or SSH_PORT)
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or link.__context__
    methods = next((set(one.allowed_types) for one in chain if isinstance(one, paramiko.BadAuthenticationType)), None)
    if methods is not None and not methods & PASSWORD_METHODS:
        return LoginRefusedError(
            f"{where} takes no passwords (PasswordAuthentication no), only {', '.join(sorted(methods))}",
            host=host.name,
            cure="put the key there by its console or by cloud-init, or let passwords in until bootstrap.py has run",
        )
    ended = any(isinstance(one, EOFError) or "closed" in str(one).lower() for one in chain)
    if ended and "banner" not in str(error):
        return LoginRefusedError(
            f"{where} closed the connection at the login of {user}: the account is locked or expired, or may not log in",
            host=host.name,
            cure=f"passwd -S {user} and chage -l {user} there, and AllowUsers of its sshd_config",
        )
    if not any(is_refusal(one) for one in chain) or "Authentication timeout" in str(error):
        return explain(host, error)
    if user == "root":
        return LoginRefusedError(
            f"{where} refused root's password: it is wrong, the account is locked or expired, or sshd takes none of root's "
            "(PermitRootLogin prohibit-password or no, the default of most systems)",
            host=host.name,
            cure="name a user with sudo who may log in (access.first_user), or PermitRootLogin yes until bootstrap.py has run",
        )
    return LoginRefusedError(
        f"{where} refused the password of {user}: it is wrong, or the account is locked or expired",
        host=host.name,
        cure=f"the right one; passwd -S {user} and chage -l {user} there say whether it is locked or expired",
    )


def judge(session: Session, user: str) -> None:
    """Require that the session is of use: commands are run, as root.

    Raises:
        CommandError: they are not, with the cure.

    """
    try:
        completed = session.shell.run("id -u")
    except CommandError as error:
        if _must_change(error.message):
            raise _changed_first(session.shell.host, user) from error
        raise
    if completed.code == 0 and completed.text.strip() == "0":
        return
    said = " ".join(completed.stderr.decode(errors="replace").split()) or completed.said
    if _must_change(said):
        raise _changed_first(session.shell.host, user)
    raise CommandError(
        f"{user} logs in and runs no commands as root: {said[:200]}",
        host=session.shell.host,
        cure="see its login shell",
    )


def _must_change(said: str) -> bool:
    return "Password change required" in said or "password has expired" in said


def _changed_first(host: str, user: str) -> CommandError:
    return CommandError(
        f"the password of {user} has expired: it must be changed before anything else",
        host=host,
        cure=f"log in once by hand (ssh {user}@...) and choose another",
    )
