"""Where secrets come from, and that they are seen nowhere."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from pydantic import ValidationError

from kubepeer.errors import CommandError, InventoryError
from kubepeer.outcome import HostOutcome, PhaseOutcome
from kubepeer.report import as_json, as_junit
from kubepeer.secret import KEY_BYTES, Redactor, SecretSource, bgp_password
from tests.conftest import CHECKOUT

PURPOSE = "the BGP password"


def read(folder: Path, **source: str) -> str:
    return SecretSource.model_validate(source).read(PURPOSE, folder)


def test_a_secret_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGP_PASSWORD", "s3cret")
    assert read(folder, env="BGP_PASSWORD") == "s3cret"


@pytest.mark.parametrize("value", [None, ""])
def test_an_environment_variable_that_is_not_set_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("BGP_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("BGP_PASSWORD", value)
    with pytest.raises(InventoryError) as raised:
        read(folder, env="BGP_PASSWORD")
    assert (
        str(raised.value)
        == "the BGP password: environment variable BGP_PASSWORD is not set Cure: export BGP_PASSWORD=..."
    )


def test_a_secret_comes_from_a_file_of_the_projects_folder_that_only_its_owner_reads(folder: Path) -> None:
    (folder / "bgp.txt").write_text("s3cret\n")
    (folder / "bgp.txt").chmod(0o600)
    assert read(folder, file="bgp.txt") == "s3cret"


def test_a_file_in_the_home_folder_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    (folder / "bgp.txt").touch(0o600)
    (folder / "bgp.txt").write_text("s3cret")
    assert read(Path("/nowhere"), file="~/bgp.txt") == "s3cret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(folder: Path, mode: int) -> None:
    file = folder / "bgp.txt"
    file.write_text("s3cret")
    file.chmod(mode)
    with pytest.raises(InventoryError) as raised:
        read(folder, file="bgp.txt")
    assert str(raised.value) == f"the BGP password: {file} can be read by others Cure: chmod 600 {file}"


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(InventoryError, match=r"^the BGP password: .*/bgp\.txt: No such file or directory$"):
        read(folder, file="bgp.txt")


def test_an_empty_file_is_no_secret(folder: Path) -> None:
    (folder / "bgp.txt").touch(0o600)
    with pytest.raises(InventoryError, match="is empty"):
        read(folder, file="bgp.txt")


def test_a_secret_comes_from_a_command(folder: Path) -> None:
    assert read(folder, command="printf '%s\\n' 's3cret with spaces'") == "s3cret with spaces"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("sh -c 'echo locked >&2; exit 3'", "the BGP password: command 'sh' gave no secret (exit 3): locked"),
        ("true", "the BGP password: command 'true' gave no secret (exit 0): it printed nothing"),
    ],
)
def test_a_command_that_gives_none_is_named_with_what_it_said(folder: Path, command: str, says: str) -> None:
    with pytest.raises(InventoryError) as raised:
        read(folder, command=command)
    assert str(raised.value) == says


@pytest.mark.parametrize("command", ["kubepeer-no-such-program show bgp", "'unbalanced", " "])
def test_a_command_that_cannot_be_run_is_an_error_of_one_line(folder: Path, command: str) -> None:
    with pytest.raises(InventoryError, match=r"^the BGP password: command .*$"):
        read(folder, command=command)


@pytest.mark.parametrize("value", ["first\nno router bgp 64512", "tab\there", "bell\x07"])
def test_a_secret_is_one_line_of_printable_signs(folder: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("BGP_PASSWORD", value)
    with pytest.raises(InventoryError) as raised:
        read(folder, env="BGP_PASSWORD")
    assert str(raised.value) == "the BGP password is not one line of printable signs Cure: choose another"


@pytest.mark.parametrize("sources", [{}, {"env": "A", "file": "b"}, {"env": "A", "command": "c"}, {"key": "A"}])
def test_a_source_names_exactly_one_place(sources: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SecretSource.model_validate(sources)


SECRETS = ["s3cret", 'quote"and\\backslash', "a<b&c>'d'", "pässwörd", "two\nlines", "tab\there"]


@pytest.fixture(params=SECRETS)
def secret(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def outcomes(secret: str) -> list[PhaseOutcome]:
    error = CommandError(f"neighbor X password {secret}: refused", host="openwrt")
    return [PhaseOutcome("Configure routers", 1.0, {"openwrt": HostOutcome(error=error, failed=True)})]


def test_a_learnt_secret_is_hidden_in_plain_text(secret: str) -> None:
    redactor = Redactor()
    assert redactor.learn(secret) == secret
    assert redactor.hide(f"password {secret}, again {secret}") == "password ********, again ********"


def test_a_learnt_secret_is_hidden_in_json_and_the_json_stays_valid(secret: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    printed = redactor.hide(json.dumps(as_json("deploy", outcomes(secret), 1.0)))
    assert (
        json.loads(printed)["phases"][0]["hosts"]["openwrt"]["error"]
        == "openwrt: neighbor X password ********: refused"
    )


def test_a_learnt_secret_is_hidden_in_junit_and_the_xml_stays_valid(secret: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    printed = redactor.hide(as_junit("deploy", outcomes(secret), 1.0))
    error = ET.fromstring(printed).find("testcase/error")
    assert error is not None
    assert error.get("message") == "openwrt: neighbor X password ********: refused"


def test_a_secret_that_contains_another_is_hidden_whole() -> None:
    redactor = Redactor()
    redactor.learn("abc")
    redactor.learn("abcdef")
    assert redactor.hide("abcdef abc") == "******** ********"


def test_an_empty_secret_hides_nothing() -> None:
    redactor = Redactor()
    redactor.learn("")
    assert redactor.hide("text") == "text"


@pytest.mark.parametrize("password", ["s3cret", "it's", "a" * KEY_BYTES, "\\", "#;{}"])
def test_a_password_that_both_ends_can_hold(monkeypatch: pytest.MonkeyPatch, folder: Path, password: str) -> None:
    monkeypatch.setenv("BGP_PASSWORD", password)
    assert bgp_password(SecretSource(env="BGP_PASSWORD"), folder) == password


@pytest.mark.parametrize(
    ("password", "says"),
    [
        pytest.param('a"b', "has a quotation mark: Calico's BIRD cannot read it", id="quotation_mark"),
        pytest.param("first of all", "has a blank: not every router takes more than one word", id="blank"),
        pytest.param("a" * 81, "has 81 bytes: a TCP-MD5 key has at most 80", id="too_long"),
        pytest.param("\u00e4" * 41, "has 82 bytes: a TCP-MD5 key has at most 80", id="too_long_in_bytes"),
    ],
)
def test_a_password_that_one_end_could_not_hold_is_refused_for_both(
    monkeypatch: pytest.MonkeyPatch, folder: Path, password: str, says: str
) -> None:
    monkeypatch.setenv("BGP_PASSWORD", password)
    with pytest.raises(InventoryError) as raised:
        bgp_password(SecretSource(env="BGP_PASSWORD"), folder)
    assert str(raised.value).startswith(f"the BGP password (cluster.bgp.password) {says} Cure: choose ")
    assert password not in str(raised.value)


def test_both_ends_take_the_password_from_one_place() -> None:
    """Nobody reads the source past the check."""
    readers = [
        path for path in (CHECKOUT / "tasks").rglob("*.py") if "bgp.password" in path.read_text(encoding="utf-8")
    ]
    assert readers == []
