"""Proxies: who is told what, what never goes through one, and that no login is shown."""

import subprocess
from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import LinuxChange, Remove, Write
from tasks.nodes import proxy
from tasks.nodes.given import Given

PASSWORD = "p@ss'word%"
NOTHING = Seen({}, dict.fromkeys(proxy.PATHS))


def with_proxy(intent_of: Any, **more: Any) -> Intent:
    data = {"proxy": {"http": "http://10.9.9.9:3128", "https": "http://10.9.9.9:3129"} | more}
    made: Intent = intent_of(defaults_file={"data": data})
    return made


@pytest.fixture
def plain(intent_of: Any) -> Intent:
    return with_proxy(intent_of, no_proxy_extra=[".example.net", "192.0.2.0/24"])


@pytest.fixture
def login(intent_of: Any) -> Intent:
    return with_proxy(intent_of, login={"username": "nodes", "password": {"env": "NOT_READ"}})


def changes(intent: Intent, seen: Seen, given: Given) -> dict[str, LinuxChange]:
    planned = (*proxy.plan_apt(intent, seen, given), *proxy.plan_containerd(intent, seen, given))
    return {change.what: change for change in planned if change}


def written(change: LinuxChange) -> Write:
    (step,) = change.steps
    assert isinstance(step, Write)
    return step


def test_what_is_the_clusters_own_is_never_proxied(plain: Intent) -> None:
    networks, endpoint = plain.cluster.networks, plain.cluster.endpoint
    said = proxy.exceptions(plain)
    own = {networks.nodes, networks.pods, networks.services, networks.load_balancers, endpoint.address}
    assert {*map(str, own), ".svc", f".{plain.cluster.dns_domain}", plain.cluster.endpoint_name, "localhost"} <= set(
        said
    )
    assert said[-2:] == (".example.net", "192.0.2.0/24")
    assert all(proxy.is_direct(str(node.address), said) for node in plain.nodes)


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("10.31.0.2", True),
        ("192.0.2.77", True),
        ("mirror.example.net", True),
        ("example.net", False),  # .example.net are those below it
        ("badexample.net", False),
        ("k8s-calico-apiserver.tinychen.io", True),
        ("deb.debian.org", False),
        ("10.30.0.1", False),
    ],
)
def test_a_host_is_reached_as_go_would(plain: Intent, host: str, *, direct: bool) -> None:
    assert proxy.is_direct(host, proxy.exceptions(plain)) is direct


def test_apt_and_containerd_are_told(plain: Intent) -> None:
    intent = plain.model_copy(
        update={"own_packages": plain.packages.model_copy(update={"repositories": ("deb http://10.31.0.2/apt ./",)})}
    )
    made = changes(intent, NOTHING, Given())
    assert written(made[proxy.APT_FILE]).content.splitlines()[1:] == [
        'Acquire::http::Proxy "http://10.9.9.9:3128";',
        'Acquire::http::Proxy::10.31.0.2 "DIRECT";',
        'Acquire::https::Proxy "http://10.9.9.9:3129";',
        'Acquire::https::Proxy::10.31.0.2 "DIRECT";',
    ]
    environment = written(made[proxy.ENVIRONMENT_FILE])
    assert environment.content.splitlines()[:2] == [
        'HTTP_PROXY="http://10.9.9.9:3128"',
        'HTTPS_PROXY="http://10.9.9.9:3129"',
    ]
    assert environment.restart_marker.endswith(".containerd")
    assert f"EnvironmentFile={proxy.ENVIRONMENT_FILE}\n" in written(made[proxy.DROP_IN]).content
    assert [write.mode for write in map(written, made.values())] == ["644"] * 3


def test_a_login_is_roots_alone_and_never_shown(login: Intent) -> None:
    made = changes(login, NOTHING, Given(proxy_password=PASSWORD))
    assert "http://nodes:p%40ss%27word%25@10.9.9.9:3128" in written(made[proxy.ENVIRONMENT_FILE]).content
    for path in (proxy.APT_FILE, proxy.ENVIRONMENT_FILE):
        assert written(made[path]).mode == "600"
        assert made[path].diff == f"~ {path} (secret: not shown)"
    assert "nodes" not in written(made[proxy.DROP_IN]).content  # systemctl show is for everybody


def test_a_script_is_told_in_words_that_the_shell_keeps(login: Intent) -> None:
    told = proxy.values(login, Given(proxy_password=PASSWORD))
    script = proxy.exports(told) + 'printf "%s\\n" "$https_proxy" "$HTTP_PROXY" "$no_proxy"'
    said = subprocess.run(["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=True).stdout.split()
    assert said[:2] == ["http://nodes:p%40ss%27word%25@10.9.9.9:3129", "http://nodes:p%40ss%27word%25@10.9.9.9:3128"]
    assert said[2] == ",".join(proxy.exceptions(login))


def test_whom_a_network_covers_is_named_for_those_who_know_no_networks(plain: Intent) -> None:
    told = proxy.values(plain, Given())
    asked = ("deb [trusted=yes] http://10.31.0.2:8080/apt ./", "deb https://pkgs.k8s.io/core:/ /")
    script = proxy.exports(told, asked) + 'printf "%s\\n" "$no_proxy"'
    said = subprocess.run(["/bin/sh", "-s"], input=script, text=True, capture_output=True, check=True).stdout.strip()
    assert said.split(",") == [*proxy.exceptions(plain), "10.31.0.2"]


def test_files_go_with_the_proxy_and_containerd_is_restarted(intent_of: Any) -> None:
    intent = intent_of()
    assert proxy.values(intent, Given()) is None
    assert proxy.exports(None) == ""
    stands = Seen({}, {path: FileSeen("600", "root:root", "x\n") for path in proxy.PATHS})
    made = changes(intent, stands, Given())
    assert [change.after for change in made.values()] == [None] * 3
    assert all(Remove(path) in change.steps for path, change in made.items())
    assert all(change.secret for change in made.values())  # the mode says that it may hold a login
    marked = [path for path, change in made.items() if len(change.steps) == 2]
    assert marked == [proxy.ENVIRONMENT_FILE, proxy.DROP_IN]
    assert changes(intent, NOTHING, Given()) == {}
