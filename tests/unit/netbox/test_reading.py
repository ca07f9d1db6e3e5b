"""NetBox's API read from a loopback stand-in for it: pages, tokens, and everything that can be wrong with a server, a line each."""

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kubepeer.errors import InventoryError, KubepeerError, LoginRefusedError, UnreachableError, UsageError
from kubepeer.explained import command
from kubepeer.intent.load import load_intent
from kubepeer.inventory import build_nornir
from kubepeer.settings import Settings, read_settings
from kubepeer.sources import rest
from kubepeer.sources.gather import gather
from tasks.platforms.platform import PLATFORMS
from tests.conftest import untouched
from tests.unit.netbox.standin import TOKEN, Standin, standing
from tests.unit.netbox.tutorial import LISTS, TABLE, groups_file, seed, write_project


@pytest.fixture
def netbox() -> Iterator[Standin]:
    with standing({LISTS[name]: things for name, things in seed().items()}) as server:
        yield server


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[..., Settings]:
    def make(url: str, **options: Any) -> Settings:
        token = tmp_path / "token"
        token.write_text(f"{options.pop('token_text', TOKEN)}\n")
        token.chmod(0o600)
        return read_settings(write_project(tmp_path, url, groups_file(), **options))

    return make


def test_the_tutorials_cluster_read_over_http_is_the_very_same_intent(netbox: Standin, project_of: Any) -> None:
    settings = gather(project_of(netbox.url))
    assert load_intent(settings, PLATFORMS) == untouched("seed")
    assert gather(settings) is settings  # once a run


def test_only_what_the_table_needs_is_asked_for(netbox: Standin, project_of: Any) -> None:
    gather(project_of(netbox.url))
    asked = [
        (path, {key: value for key, value in query.items() if key not in ("limit", "offset")})
        for path, query in netbox.asked
    ]
    assert asked == [
        ("dcim/devices", {"tag": ["k8s-calico"]}),
        ("ipam/prefixes", {"role": ["k8s-load-balancers", "k8s-nodes", "k8s-pods", "k8s-services"]}),
        ("ipam/asns", {"tag": ["k8s-calico"]}),
    ]


def test_addresses_are_asked_for_in_portions_and_pages(netbox: Standin, project_of: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(rest, "AT_ONCE", 3)
    netbox.largest = 2
    table = TABLE | {"nodes": {"address": {"interface": "eth0"}}}
    settings = gather(project_of(netbox.url, map=table))
    asked = [query for path, query in netbox.asked if path == "ipam/ip-addresses"]
    assert [(query["device_id"], query["offset"]) for query in asked] == [
        (["1", "2", "3"], ["0"]),
        (["1", "2", "3"], ["2"]),
        (["4", "5", "6"], ["0"]),
        (["4", "5", "6"], ["2"]),
        (["7", "8"], ["0"]),
    ]
    assert settings.given.hosts["k8s-calico-worker-10-31-90-4"]["data"] == {"address": "10.31.90.4"}


def test_pages_are_read_to_the_end_and_never_at_the_address_that_an_answer_names(
    netbox: Standin, project_of: Any
) -> None:
    """The stand-in names elsewhere.example.org for the next page: the token would go there."""
    netbox.largest = 3
    assert load_intent(gather(project_of(netbox.url)), PLATFORMS) == untouched("seed")
    assert [query["offset"] for path, query in netbox.asked if path == "dcim/devices"] == [["0"], ["3"], ["6"]]


@pytest.mark.parametrize("change", ["gone", "new"])
def test_a_list_that_changes_between_two_pages_is_refused(netbox: Standin, project_of: Any, change: str) -> None:
    netbox.largest = 3
    devices = netbox.lists["dcim/devices"]
    netbox.after_page = lambda: (
        devices.pop(0) if change == "gone" else devices.insert(0, {**devices[0], "id": 77 + len(devices)})
    )
    with pytest.raises(InventoryError) as raised:
        gather(project_of(netbox.url))
    assert (
        str(raised.value)
        == f"NetBox {netbox.url}: dcim/devices was changed while it was read. No host was contacted. Cure: run it again"
    )


def test_a_token_of_the_first_version_goes_as_netbox_takes_it(netbox: Standin, project_of: Any) -> None:
    first = "0123456789abcdef0123456789abcdef01234567"
    netbox.authorization = f"Token {first}"
    assert gather(project_of(netbox.url, token_text=first)).given is not None


def test_netbox_below_a_path(netbox: Standin, project_of: Any) -> None:
    with pytest.raises(UsageError, match=r"there is no /api/dcim/devices/: no NetBox answers there"):
        gather(project_of(f"{netbox.url}/netbox/"))
    assert netbox.asked[0][0] == "netbox/api/dcim/devices"


def test_parameters_are_written_as_netbox_reads_them(netbox: Standin, project_of: Any) -> None:
    filters = {"tag": "k8s-calico", "status": ["active", "staged"], "has_primary_ip": True}
    gather(project_of(netbox.url, filter_parameters=filters))
    query = netbox.asked[0][1]
    assert (query["status"], query["has_primary_ip"]) == (["active", "staged"], ["true"])


def test_a_filter_that_netbox_does_not_know_is_told_by_the_roles(netbox: Standin, project_of: Any) -> None:
    netbox.lists["dcim/devices"].append(
        {**netbox.lists["dcim/devices"][0], "id": 99, "name": "switch", "role": {"slug": "access"}}
    )
    with pytest.raises(InventoryError, match=r"its role access is not in inventory\.options\.map\.roles"):
        gather(project_of(netbox.url, filter_parameters={"tags": "k8s-calico"}))


UNWELL: dict[str, tuple[Any, type[KubepeerError], int, str]] = {
    "an older NetBox": (
        "3.7",
        UsageError,
        2,
        "NetBox URL is 3.7; 4.0 or newer is understood. No host was contacted. Cure: update NetBox",
    ),
    "no permission": (
        (403, {}, {"detail": "You do not have permission to perform this action."}),
        LoginRefusedError,
        3,
        (
            "NetBox URL refuses the token for dcim/devices (HTTP 403: You do not have permission to perform this action). No host was"
            " contacted. Cure: inventory.options.token names a token that is valid, and may view dcim/devices"
        ),
    ),
    "a filter that is refused": (
        (400, {}, {"status": ["Select a valid choice. activ is not one of the available choices."]}),
        UsageError,
        2,
        (
            "NetBox URL does not take the parameters of dcim/devices: status: Select a valid choice. activ is not one of the available"
            " choices. No host was contacted. Cure: correct inventory.options.filter_parameters, prefix_parameters or map"
        ),
    ),
    "redirected": (
        (302, {"Location": "https://login.example.org/?next=/api/"}, {}),
        UsageError,
        2,
        (
            "NetBox URL leads to https://login.example.org; the token is not taken there. No host was contacted. Cure: correct"
            " inventory.options.url"
        ),
    ),
    "a page of HTML": (
        (200, {"Content-Type": "text/html"}, b"<html>Log in</html>"),
        UsageError,
        2,
        "NetBox URL: dcim/devices is no list in JSON: no NetBox answers there. No host was contacted. Cure: correct inventory.options.url",
    ),
    "another API": (
        (200, {}, {"count": 1, "next": None, "results": ["device"]}),
        UsageError,
        2,
        (
            "NetBox URL: dcim/devices is no list of objects: no NetBox answers there. No host was contacted. Cure: correct"
            " inventory.options.url"
        ),
    ),
    "a fault of its own": (
        (500, {}, {"error": "server", "exception": "OperationalError"}),
        UnreachableError,
        3,
        (
            "NetBox URL is not well: HTTP 500 for dcim/devices: error: server; exception: OperationalError. No host was contacted. Cure:"
            " look at its own log"
        ),
    ),
    "starting": (
        (503, {}, b"<html>503</html>"),
        UnreachableError,
        3,
        "NetBox URL is not well: HTTP 503 for dcim/devices. No host was contacted. Cure: look at its own log",
    ),
    "silent": (
        20.0,
        UnreachableError,
        3,
        (
            "NetBox URL: does not answer within 0.3 s. No host was contacted. Cure: look whether it is well;"
            " inventory.options.timeout_seconds allows more"
        ),
    ),
}


@pytest.mark.parametrize("what", UNWELL)
def test_what_is_wrong_with_a_server_is_one_line(netbox: Standin, project_of: Any, what: str) -> None:
    unwell, kind, code, says = UNWELL[what]
    if isinstance(unwell, str):
        netbox.version = unwell
    else:
        netbox.instead["dcim/devices"] = unwell
    with pytest.raises(kind) as raised:
        gather(project_of(netbox.url, timeout_seconds=0.3 if what == "silent" else 10))
    assert (str(raised.value), raised.value.exit_code) == (says.replace("URL", netbox.url), code)
    assert TOKEN not in repr(raised.value)


def test_a_wrong_token_is_refused_and_not_shown(netbox: Standin, project_of: Any) -> None:
    with pytest.raises(LoginRefusedError) as raised:
        gather(project_of(netbox.url, token_text="nbt_wrong.geheim"))
    assert f"{netbox.url} refuses the token for dcim/devices (HTTP 403: Invalid v2 token)." in str(raised.value)
    assert "geheim" not in str(raised.value)


@pytest.mark.parametrize("text", ["two words", "gehe\u00edm"])
def test_what_can_be_no_token_is_refused_before_it_is_sent(netbox: Standin, project_of: Any, text: str) -> None:
    with pytest.raises(InventoryError, match=r"is no token: it has a sign that none has") as raised:
        gather(project_of(netbox.url, token_text=text))
    assert text not in str(raised.value)
    assert netbox.asked == []


def test_a_token_that_others_can_read_is_refused(netbox: Standin, project_of: Any) -> None:
    settings = project_of(netbox.url)
    (settings.folder / "token").chmod(0o644)
    with pytest.raises(InventoryError, match=r"can be read by others Cure: chmod 600"):
        gather(settings)
    assert netbox.asked == []


def test_nobody_listens(netbox: Standin, project_of: Any) -> None:
    url = "http://127.0.0.1:1"  # tcpmux, RFC 1078: nobody has it
    with pytest.raises(UnreachableError) as raised:
        gather(project_of(url))
    assert str(raised.value) == (
        f"NetBox {url} does not answer: [Errno 111] Connection refused. No host was contacted. Cure: inventory.options.url says where it is"
    )


def test_a_connection_that_breaks_in_the_middle(netbox: Standin, project_of: Any) -> None:
    netbox.instead["ipam/prefixes"] = (200, {"Content-Length": "9999", "Connection": "close"}, b'{"count": 4')
    with pytest.raises(KubepeerError) as raised:
        gather(project_of(netbox.url, timeout_seconds=0.5))
    assert raised.value.exit_code in (2, 3)
    assert "\n" not in str(raised.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of localhost, signed by itself; with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "netbox.pem"
    path.write_bytes(made.public_bytes(pem) + text)
    return path


@pytest.fixture
def encrypted(netbox: Standin, certificate: Path) -> Standin:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    netbox.socket = context.wrap_socket(netbox.socket, server_side=True)
    return netbox


def test_a_certificate_is_checked_against_those_that_are_named(
    encrypted: Standin, certificate: Path, project_of: Any
) -> None:
    settings = project_of(f"https://localhost:{encrypted.server_address[1]}", ca_file=certificate.name)
    assert load_intent(gather(settings), PLATFORMS) == untouched("seed")


def test_a_certificate_that_nobody_vouches_for_is_refused_and_the_token_is_not_sent(
    encrypted: Standin, project_of: Any
) -> None:
    url = f"https://localhost:{encrypted.server_address[1]}"
    with pytest.raises(UnreachableError) as raised:
        gather(project_of(url))
    assert str(raised.value) == (
        f"NetBox {url}: self-signed certificate. No host was contacted. Cure: inventory.options.ca_file names the certificates that it is"
        " checked against"
    )
    assert encrypted.asked == []


def test_a_certificate_of_another_name_is_refused(encrypted: Standin, certificate: Path, project_of: Any) -> None:
    url = f"https://127.0.0.1:{encrypted.server_address[1]}"
    with pytest.raises(UnreachableError, match=r"certificate is not valid for '127\.0\.0\.1'"):
        gather(project_of(url, ca_file=certificate.name))
    assert encrypted.asked == []


def test_certificates_that_are_not_there(netbox: Standin, project_of: Any) -> None:
    with pytest.raises(
        UsageError, match=r"^inventory\.options\.ca_file: .*/nowhere\.pem: No such file or directory\. No host"
    ):
        gather(project_of(netbox.url, ca_file="nowhere.pem"))


def test_every_host_is_reached_as_with_files(netbox: Standin, project_of: Any, project: Any, tmp_path: Path) -> None:
    settings = gather(project_of(netbox.url))
    given, files = (build_nornir(one).inventory for one in (settings, project("seed")))
    assert [*given.hosts] == [*files.hosts]
    for name, host in files.hosts.items():
        assert (given.hosts[name].hostname, given.hosts[name].username) == (host.hostname, host.username)
        assert given.hosts[name].platform == host.platform
        assert [group.name for group in given.hosts[name].groups] == [group.name for group in host.groups]
        for plugin in ("netmiko", "napalm"):
            ours, theirs = (one.get_connection_parameters(plugin) for one in (given.hosts[name], host))
            assert {**ours.dict(), "extras": None} == {**theirs.dict(), "extras": None}


def test_what_it_comes_to_names_the_objects(netbox: Standin, project_of: Any, capsys: Any) -> None:
    settings = project_of(netbox.url)
    told = command.main("", PLATFORMS, ["show", "--config", str(settings.config_file), "--plain"])
    assert told == 0
    assert "as_number: 64512" in capsys.readouterr().out
    command.main("", PLATFORMS, ["show", "--config", str(settings.config_file)])
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    page = "https://netbox.example.org"
    assert (
        f"hostname: 10.31.90.1 # primary_ip, NetBox device k8s-calico-master-10-31-90-1, {page}/dcim/devices/1/"
        in shown
    )
    assert f"as_number: 64512 # custom_fields.bgp_asn, NetBox device openwrt, {page}/dcim/devices/7/" in shown
    assert f"pods: 10.33.0.0/17 # prefix of role k8s-pods, NetBox prefix 10.33.0.0/17, {page}/ipam/prefixes/2/" in shown
    assert f"as_number: 64517 # cluster.bgp.as_number, NetBox ASN AS64517, {page}/ipam/asns/3/" in shown
    assert (
        f"hold_seconds: 9 # config context kubepeer, NetBox device k8s-calico-master-10-31-90-1, {page}/dcim/devices/1/"
        in shown
    )
    assert any(line.startswith("interface: eth0 # group kubernetes, inventory/groups.yaml:") for line in shown)
    assert "username: root # inventory/defaults.yaml:4" in shown


def test_what_is_written_out_is_an_inventory_of_files_with_the_very_same_intent(
    netbox: Standin, project_of: Any, tmp_path: Path
) -> None:
    settings = project_of(netbox.url)
    words = ["show", "--config", str(settings.config_file), "--resolved", "--into", str(tmp_path / "plain")]
    assert command.main("", PLATFORMS, words) == 0
    asked = len(netbox.asked)
    config = tmp_path / "plain/config.yaml"
    files = {
        f"{kind}_file": f"{name}.yaml"
        for kind, name in {"host": "hosts", "group": "groups", "defaults": "defaults"}.items()
    }
    config.write_text(json.dumps({"inventory": {"plugin": "SimpleInventory", "options": files}}))
    assert load_intent(read_settings(config), PLATFORMS) == untouched("seed")
    assert len(netbox.asked) == asked == 3
    assert TOKEN not in "".join(file.read_text() for file in (tmp_path / "plain").iterdir())


@pytest.mark.parametrize("words", [["show"], ["show", "--output", "json"], ["show", "--verbose"]])
def test_an_error_of_the_command_has_the_exit_code_of_the_contract(
    netbox: Standin, project_of: Any, capsys: Any, words: list[str]
) -> None:
    netbox.authorization = "Bearer another"
    settings = project_of(netbox.url)
    assert command.main("", PLATFORMS, [*words, "--config", str(settings.config_file)]) == 3
    said = capsys.readouterr()
    assert "refuses the token for dcim/devices" in said.out + said.err
    assert TOKEN not in said.out + said.err
