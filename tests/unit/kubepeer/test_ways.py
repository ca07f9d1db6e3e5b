"""Jump hosts, ssh_config, ports and addresses of IPv6, against SSH servers on the loopback."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paramiko
import pytest

from kubepeer.errors import KubepeerError, UnreachableError, UsageError
from kubepeer.inventory import Login, build_nornir
from kubepeer.jump import parsed
from kubepeer.opening import know_hosts
from kubepeer.sshconfig import Said, SshConfig, lines
from tasks.linux.connect import answers, forget
from tasks.linux.shell import open_shell
from tests.unit.ssh_server import Served, serving

NODE = "k8s-calico-worker-10-31-90-4"
Serve = Callable[..., Served]
CASES = Path(__file__).parent / "ssh_config"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; keywords are those of Served, and `host`."""
    with ExitStack() as stack:

        def start(host: str = "127.0.0.1", seconds_late: float = 0, **more: Any) -> Served:
            return stack.enter_context(serving(Served(paramiko.ECDSAKey.generate(), **more), host, seconds_late))

        yield start


@pytest.fixture
def own_key(tmp_path: Path) -> paramiko.PKey:
    """A key of the controller's, in the file that the inventory names."""
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "own_key"))
    return key


def reached(project: Any, behind: Served, *, login: Login | None = None, ssh_config: str = "", **extras: Any) -> Any:
    """Nornir for a project whose worker is that server."""
    settings = project(
        hosts={
            NODE: {
                "hostname": behind.address[0],
                "port": behind.address[1],
                "data": {"address": "10.31.90.4"},
                "connection_options": {"netmiko": {"extras": {"key_file": "own_key", "allow_agent": False, **extras}}},
            }
        },
        config={"ssh": {"config_file": "ssh_config"}, "user_defined": {"known_hosts": "known_hosts"}},
        text={"ssh_config": ssh_config},
    )
    return settings, build_nornir(settings, logins={NODE: login} if login else None)


def meet(settings: Any, nornir: Any) -> None:
    """Learn the keys of the one host, and of the jump hosts before it."""
    for name in [name for name in nornir.inventory.hosts if name != NODE]:
        del nornir.inventory.hosts[name]
    run: Any = type("Run", (), {"settings": settings, "nornir": nornir})()
    know_hosts(run, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_of_its_own_and_an_address_of_ipv6_are_reached_and_known(
    project: Any, serve: Serve, own_key: paramiko.PKey, host: str
) -> None:
    try:
        node = serve(host, keys={"root": [own_key]})
    except OSError as error:
        pytest.skip(f"no {host} here: {error}")
    settings, nornir = reached(project, node)
    meet(settings, nornir)
    assert settings.known_hosts.read_text() == node.line
    assert open_shell(nornir, NODE).run("echo it is $((6 * 7))").text == "it is 42\n"
    nornir.close_connections()


def test_two_nodes_behind_two_jump_hosts_are_reached_over_one_connection_to_each(
    project: Any, serve: Serve, own_key: paramiko.PKey
) -> None:
    first, second = serve(keys={"ops": [own_key]}), serve(keys={"eve": [own_key]})
    node = serve(keys={"root": [own_key]})
    ssh_config = f"""
Host inner
  HostName {second.address[0]}
  Port {second.address[1]}
  User eve
  ProxyJump ops@{first.address[0]}:{first.address[1]}
"""
    settings, nornir = reached(project, node, login=Login("inner"), ssh_config=ssh_config)
    meet(settings, nornir)
    assert settings.known_hosts.read_text() == first.line + second.line + node.line
    assert answers(nornir.inventory.hosts[NODE])
    assert open_shell(nornir, NODE).run("echo in").text == "in\n"
    assert (first.logins, second.logins, node.logins) == (["ops"], ["eve"], ["root"])
    assert set(first.forwarded) == {second.address}
    assert set(second.forwarded) == {node.address}
    nornir.close_connections()


def test_a_connection_that_was_lost_is_opened_anew_through_the_jump_host(
    project: Any, serve: Serve, own_key: paramiko.PKey
) -> None:
    jump, node = serve(keys={"root": [own_key]}), serve(keys={"root": [own_key]})
    settings, nornir = reached(project, node, login=Login(f"{jump.address[0]}:{jump.address[1]}"))
    meet(settings, nornir)
    opened = open_shell(nornir, NODE)
    assert opened.run("echo 1").text == "1\n"
    nornir.inventory.hosts[NODE].close_connection("netmiko")
    assert open_shell(nornir, NODE).run("echo 2").text == "2\n"
    assert len(jump.logins) == 1
    nornir.close_connections()


def refused(project: Any, node: Served, login: Login) -> UnreachableError:
    settings, nornir = reached(project, node, login=login)
    meet(settings, nornir)
    with pytest.raises(UnreachableError) as raised:
        open_shell(nornir, NODE)
    assert not answers(nornir.inventory.hosts[NODE])
    assert raised.value.host == NODE
    return raised.value


def test_a_jump_host_that_does_not_let_in_is_named(project: Any, serve: Serve, own_key: paramiko.PKey) -> None:
    jump, node = serve(), serve(keys={"root": [own_key]})
    host, port = jump.address
    error = refused(project, node, Login(f"ops@{host}:{port}"))
    assert error.message == f"the jump host {host} ({host}:{port}) refused the login of ops"


@pytest.mark.parametrize(
    ("forwards", "listens", "why"),
    [
        (False, True, "it does not forward (AllowTcpForwarding of its sshd_config)"),
        (True, False, "it cannot connect there"),
    ],
)
def test_a_jump_host_that_does_not_reach_the_host_says_why(
    project: Any, serve: Serve, own_key: paramiko.PKey, *, forwards: bool, listens: bool, why: str
) -> None:
    jump, node = serve(keys={"root": [own_key]}, forwards=forwards), serve(keys={"root": [own_key]})
    if not listens:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            node.address = closed.getsockname()
    name = f"{jump.address[0]}:{jump.address[1]}"
    settings, nornir = reached(project, node, login=Login(name))
    settings.known_hosts.write_text(node.line)
    meet(settings, nornir)
    with pytest.raises(UnreachableError) as raised:
        open_shell(nornir, NODE)
    assert raised.value.message == f"127.0.0.1:{node.address[1]} is not reached through the jump host 127.0.0.1: {why}"


def test_a_jump_hosts_changed_key_is_refused_with_the_cure(project: Any, serve: Serve, own_key: paramiko.PKey) -> None:
    jump, node = serve(keys={"root": [own_key]}), serve(keys={"root": [own_key]})
    settings, nornir = reached(project, node, login=Login(f"127.0.0.1:{jump.address[1]}"))
    other = paramiko.ECDSAKey.generate()
    settings.known_hosts.write_text(
        f"[127.0.0.1]:{jump.address[1]} {other.get_name()} {other.get_base64()}\n{node.line}"
    )
    with pytest.raises(UnreachableError) as raised:
        open_shell(nornir, NODE)
    assert raised.value.message.startswith(
        f"the host key of the jump host 127.0.0.1 (127.0.0.1:{jump.address[1]}) is not"
    )
    assert f"ssh-keygen -R '[127.0.0.1]:{jump.address[1]}' -f {settings.known_hosts}" in raised.value.cure
    assert jump.logins == []


def test_a_proxy_command_is_the_connection(project: Any, serve: Serve, own_key: paramiko.PKey, tmp_path: Path) -> None:
    node = serve(keys={"root": [own_key]})
    script = "import socket,sys,threading,os\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])))\n"
    script += "def up():\n  while d:=os.read(0,65536): s.sendall(d)\nthreading.Thread(target=up,daemon=True).start()\n"
    script += "while d:=s.recv(65536): os.write(1,d)\n"
    (tmp_path / "go.py").write_text(script)
    ssh_config = f"Host 127.*\n  ProxyCommand python3 {tmp_path}/go.py %h {node.address[1]}\n"
    settings, nornir = reached(project, node, ssh_config=ssh_config)
    meet(settings, nornir)
    assert open_shell(nornir, NODE).run("echo in").text == "in\n"
    nornir.close_connections()


def test_what_ssh_config_says_of_a_name_counts_where_the_inventory_says_nothing(project: Any, tmp_path: Path) -> None:
    for name in ("of_config", "own_key"):
        paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / name))
    text = f"Host w4\n  HostName 192.0.2.4\n  Port 2204\n  User eve\n  IdentityFile {tmp_path}/of_config\n  ConnectTimeout 33\n"
    host = {"hostname": "w4", "data": {"address": "10.31.90.4"}}
    config = {"ssh": {"config_file": "ssh_config"}}
    found = build_nornir(project(hosts={NODE: host}, config=config, text={"ssh_config": text})).inventory.hosts[NODE]
    extras = found.get_connection_parameters("netmiko").extras
    assert (found.hostname, found.port, found.username) == ("192.0.2.4", 2204, "root")
    assert (extras["key_file"], extras["conn_timeout"], extras["ssh_config_file"]) == (
        f"{tmp_path}/of_config",
        33,
        None,
    )
    own = {"connection_options": {"netmiko": {"extras": {"key_file": "own_key", "conn_timeout": 7}}}, "port": 22}
    found = build_nornir(project(hosts={NODE: host | own}, config=config, text={"ssh_config": text})).inventory.hosts[
        NODE
    ]
    extras = found.get_connection_parameters("netmiko").extras
    assert (found.hostname, found.port) == ("192.0.2.4", 22)
    assert (extras["key_file"], extras["conn_timeout"]) == (f"{tmp_path}/own_key", 7)


@pytest.mark.parametrize(
    ("named", "parts"),
    [
        ("bastion", (None, "bastion", None)),
        ("ops@bastion:2222", ("ops", "bastion", 2222)),
        ("ssh://ops@bastion:2222", ("ops", "bastion", 2222)),
        ("[2001:db8::1]:2222", (None, "2001:db8::1", 2222)),
        ("2001:db8::1", (None, "2001:db8::1", None)),
        ("ops@[2001:db8::1]", ("ops", "2001:db8::1", None)),
        ("a@b@bastion", ("a@b", "bastion", None)),
    ],
)
def test_a_jump_host_is_written_as_ssh_takes_it(named: str, parts: tuple[str | None, str, int | None]) -> None:
    assert parsed(named) == parts


@pytest.mark.parametrize("named", ["", "ops@", "bastion:ssh", "[2001:db8::1]:x"])
def test_what_is_no_jump_host_is_refused(named: str) -> None:
    with pytest.raises(UsageError, match=r"is no jump host: \[user@\]host\[:port\]"):
        parsed(named)


def test_a_jump_host_that_leads_to_itself_is_refused(project: Any) -> None:
    text = "Host *\n  ProxyJump bastion\n"
    with pytest.raises(UsageError, match="the jump host bastion leads to itself"):
        build_nornir(project(config={"ssh": {"config_file": "ssh_config"}}, text={"ssh_config": text}))


def test_what_an_include_is_in_goes_on_behind_it(tmp_path: Path) -> None:
    (tmp_path / "inner").write_text("Host b\n  Port 2\n")
    (tmp_path / "outer").write_text(
        f"Host a\n  Port 1\nInclude {tmp_path}/inner\n  User u\nInclude {tmp_path}/no*\nHost c\n"
    )
    assert list(lines(tmp_path / "outer")) == [
        "Host a",
        "  Port 1",
        "Host b",
        "  Port 2",
        "Host a",
        "  User u",
        "Host c",
    ]
    config = SshConfig(tmp_path / "outer")
    assert config.of("a") == Said("a", port=1, user="u")
    assert config.of("b") == Said("b", port=2)


def test_files_that_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(f"Host a\n  Port 7\nInclude {tmp_path}/one\n")
    assert SshConfig(tmp_path / "one").of("a").port == 7


@pytest.mark.parametrize(
    "text",
    ["Host a\n  Port many\n", "Host 'a\n", "Host a\n  ConnectTimeout x\n"],
)
def test_a_line_that_is_not_understood_is_named_and_never_guessed(tmp_path: Path, text: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubepeerError, match=r"config: .*Nothing was contacted\."):
        SshConfig(tmp_path / "config").of("a")


def test_proxy_jump_none_is_no_jump_host(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Host a\n  ProxyJump none\nHost *\n  ProxyJump bastion\n")
    config = SshConfig(tmp_path / "config")
    assert (config.of("a").proxy_jump, config.of("b").proxy_jump) == (None, "bastion")


def test_a_host_is_let_in_by_its_own_key_alone_whenever_the_file_says_so(
    project: Any, serve: Serve, own_key: paramiko.PKey
) -> None:
    """known_hosts is read once for all connections, and what is written into it meanwhile counts for the next one."""
    node = serve(keys={"root": [own_key]})
    settings, nornir = reached(project, node)
    other = node.line.replace(node.key.get_base64(), paramiko.ECDSAKey.generate().get_base64())
    hashed = node.line.replace(node.line.split()[0], paramiko.HostKeys.hash_host(node.line.split()[0]))
    of_another_host = node.line.replace("127.0.0.1", "127.0.0.2")
    for text, refused in [
        ("", "no host key is known"),
        (of_another_host, "no host key is known"),
        (other, "is not the known one"),
        (other + node.line, "is not the known one"),
        (of_another_host + node.line, ""),
        (hashed, ""),
        (other, "is not the known one"),
    ]:
        settings.known_hosts.write_text(text)
        if refused:
            with pytest.raises(UnreachableError, match=refused):
                open_shell(nornir, NODE)
        else:
            assert open_shell(nornir, NODE).run("echo in").text == "in\n"
        forget(nornir, NODE, "netmiko")
