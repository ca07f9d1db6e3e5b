"""Which keys of the inventory the arguments of adopt.py become, and which arguments do not go together. Nothing is contacted."""

import shutil
from pathlib import Path

import pytest

from kubepeer.errors import UsageError
from kubepeer.secret import Redactor
from tasks.adopt.arguments import api_of, of_hosts_file, parser
from tests.conftest import unavailable
from tests.unit.cluster.api_server import NAME, certificates, kubeconfig


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a CA, a token and a kubeconfig, as somebody has handed them over."""
    if shutil.which("openssl") is None:
        unavailable("openssl is not there")
    folder = tmp_path_factory.mktemp("given")
    certificates(folder)
    text = kubeconfig(folder)
    context = (
        "contexts: [{name: there, context: {cluster: k8s-calico, user: kubernetes-admin}}]\ncurrent-context: there\n"
    )
    for name, content in {"token": "abc\n", "kubeconfig": text + context}.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(content, encoding="utf-8")
    return folder


def test_a_kubeconfig_is_named_where_it_is(given: Path, tmp_path: Path) -> None:
    arguments = parser(None).parse_args(["--kubeconfig", str(given / "kubeconfig"), "--to", str(tmp_path)])
    api, keys, called = api_of(arguments, Redactor())
    assert api.server == f"https://{NAME}:8443"
    assert (keys, called) == ({"kubeconfig": str(given / "kubeconfig")}, "k8s-calico")


@pytest.mark.parametrize(("source", "token"), [("--token-file", {"file": "token"}), ("--token-env", {"env": "TOKEN"})])
def test_files_in_the_folder_are_named_relative_to_it(
    given: Path, monkeypatch: pytest.MonkeyPatch, source: str, token: dict[str, str]
) -> None:
    monkeypatch.setenv("TOKEN", "abc")
    said = str(given / "token") if source == "--token-file" else "TOKEN"
    words = ["--server", "https://10.0.0.1:6443", "--ca", str(given / "ca.crt"), source, said, "--to", str(given)]
    redactor = Redactor()
    _, keys, _ = api_of(parser(None).parse_args([*words, "--server-name", "api"]), redactor)
    assert keys == {"api": {"server": "https://10.0.0.1:6443", "ca": "ca.crt", "token": token, "server_name": "api"}}
    assert redactor.hide("abc") == "********"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--kubeconfig", "kubeconfig", "--ca", "ca.crt"], "--ca, --token-* and --server-name go with --server"),
        (["--server", "https://10.0.0.1:6443"], "--server goes with --ca, and --token-file or --token-env"),
        (
            ["--server", "https://10.0.0.1:6443", "--ca", "ca.crt"],
            "--server goes with --ca, and --token-file or --token-env",
        ),
        (
            ["--server", "10.0.0.1", "--ca", "ca.crt", "--token-file", "token"],
            "--server 10.0.0.1: this is https://HOST:PORT",
        ),
        (
            ["--server", "https://10.0.0.1", "--ca", "token", "--token-file", "token"],
            "cluster.api.ca is no certificate in PEM",
        ),
        (
            ["--server", "https://10.0.0.1", "--ca", "nowhere", "--token-file", "token"],
            "cluster.api.ca: {folder}/nowhere: No such file or directory",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line(
    given: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(given)
    with pytest.raises(UsageError) as raised:
        api_of(parser(None).parse_args([*words, "--to", str(given)]), Redactor())
    assert raised.value.message == f"{says.format(folder=given)}. Nothing was contacted."
    assert raised.value.cure


def test_of_a_hosts_file_those_count_that_have_a_platform_and_an_address(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "a: {hostname: 10.0.0.1, platform: eos}\n"
        "b: {hostname: 10.0.0.2, groups: [core, junos], port: 22}\n"
        "c: {hostname: 10.0.0.3, platform: linux}\n"
        "d: {hostname: d.example.org, platform: eos}\n"
        "e: {hostname: e.example.org, platform: eos, data: {peering: {address: 10.0.0.5}}}\n"
        "f:\n",
        encoding="utf-8",
    )
    assert [(one.name, str(one.address), one.platform) for one in of_hosts_file(path)] == [
        ("a", "10.0.0.1", "eos"),
        ("b", "10.0.0.2", "junos"),
        ("e", "10.0.0.5", "eos"),
    ]
