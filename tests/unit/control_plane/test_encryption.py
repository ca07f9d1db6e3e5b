"""Which keys a control plane knows, and which one it writes with: never one that another cannot read."""

import base64
from typing import Any

import pytest
import yaml

from kubepeer.errors import RefusedError
from kubepeer.intent.kubeadm import Encryption
from tasks.control_plane import encryption
from tasks.control_plane.encryption import IDENTITY, Provider, Scheme

KEYS = {name: Provider("secretbox", name, f"secret of {name}") for name in ("new", "old")} | {"identity": IDENTITY}
THIRTY_TWO = base64.b64encode(bytes(range(32))).decode()


def named(names: list[str]) -> tuple[Provider, ...]:
    return tuple(KEYS[name] for name in names)


@pytest.mark.cases("encryptions")
def test_a_control_plane_is_to_have_these_providers_next(case: dict[str, Any]) -> None:
    key = KEYS[case["key"]] if case["key"] else None
    found = encryption.planned(named(case["own"]), map(named, case["others"]), key)
    assert [provider.name or provider.kind for provider in found] == case["then"]


@pytest.mark.parametrize(("count", "reached"), [(1, 1), (3, 2), (5, 2)])
@pytest.mark.parametrize("before", [[], ["old", "identity"]])
def test_in_two_rounds_all_write_with_it_and_nobody_ever_writes_what_another_cannot_read(
    count: int, reached: int, before: list[str]
) -> None:
    members = [named(before) for _ in range(count)]
    rounds = 0
    while any(listed[:1] != (KEYS["new"],) for listed in members):
        rounds += 1
        for number in range(count):
            others = [*members[:number], *members[number + 1 :]]
            members[number] = encryption.planned(members[number], others, KEYS["new"])
            writing = members[number][0]
            assert all(writing == IDENTITY or writing in listed for listed in members)
    assert rounds == reached
    assert all(set(named(before)) <= set(listed) and listed[-1] == IDENTITY for listed in members)


def test_a_file_is_what_kubernetes_documents_and_is_read_again() -> None:
    scheme = Scheme({"secrets": named(["new", "old", "identity"]), "configmaps": named(["identity", "new"])})
    document = yaml.safe_load(scheme.text)
    assert (document["apiVersion"], document["kind"]) == ("apiserver.config.k8s.io/v1", "EncryptionConfiguration")
    assert document["resources"][0] == {
        "resources": ["secrets"],
        "providers": [
            {"secretbox": {"keys": [{"name": "new", "secret": "secret of new"}]}},
            {"secretbox": {"keys": [{"name": "old", "secret": "secret of old"}]}},
            {"identity": {}},
        ],
    }
    assert encryption.read(scheme.text) == scheme
    assert encryption.read(None) is None
    assert scheme.secrets == {"secret of new", "secret of old"}


@pytest.mark.parametrize(
    "text",
    ["", "resources: []\n- x", "resources: [{resources: [secrets], providers: [{kms: {name: vault}}]}]", "kind: x"],
)
def test_a_file_whose_keys_could_be_lost_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="none that Kubepeer can carry on"):
        encryption.read(text)


def test_a_resource_that_is_encrypted_later_is_read_by_all_before_one_writes_it() -> None:
    stands = Scheme({"secrets": named(["new", "identity"])})
    found = encryption.scheme(stands, [stands, stands], KEYS["new"], ("secrets", "configmaps"))
    assert found == Scheme({"secrets": named(["new", "identity"]), "configmaps": named(["identity", "new"])})
    assert encryption.scheme(found, [found, found], KEYS["new"], ("secrets", "configmaps")) == Scheme(
        {"secrets": named(["new", "identity"]), "configmaps": named(["new", "identity"])}
    )


def test_a_resource_that_is_encrypted_no_more_stays_readable() -> None:
    stands = Scheme({"secrets": named(["new", "identity"]), "configmaps": named(["new", "identity"])})
    found = encryption.scheme(stands, [stands], KEYS["new"], ("secrets",))
    assert found == Scheme({"secrets": named(["new", "identity"]), "configmaps": named(["identity", "new"])})


def test_no_scheme_where_there_is_nothing_to_encrypt() -> None:
    assert encryption.scheme(None, [None, None], None, ()) is None


@pytest.mark.parametrize(("provider", "length"), [("secretbox", 32), ("aescbc", 16), ("aescbc", 32), ("aesgcm", 24)])
def test_a_key_of_the_right_length_gets_a_name_of_its_own(provider: Any, length: int) -> None:
    secret = base64.b64encode(bytes(length)).decode()
    found = encryption.wanted_key(Encryption(provider=provider, secret={"env": "KEY"}), secret)  # type: ignore[arg-type]
    assert (found.kind, found.secret) == (provider, secret)
    assert found.name.startswith("key-")
    other = encryption.wanted_key(Encryption(secret={"env": "KEY"}), THIRTY_TWO)  # type: ignore[arg-type]
    assert other.name != found.name


@pytest.mark.parametrize("secret", ["", "not base64!", base64.b64encode(bytes(31)).decode(), THIRTY_TWO + "\n"])
def test_another_key_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(RefusedError, match="is not 32 bytes in base64") as refused:
        encryption.wanted_key(Encryption(secret={"env": "KEY"}), secret)  # type: ignore[arg-type]
    assert not secret or secret not in str(refused.value)


def test_all_members_must_write_with_it_before_anything_is_written_again() -> None:
    done, late = Scheme({"secrets": named(["new", "identity"])}), Scheme({"secrets": named(["identity", "new"])})
    assert encryption.final([done, done], "secrets", KEYS["new"])
    assert not encryption.final([done, late], "secrets", KEYS["new"])
    assert not encryption.final([done, None], "secrets", KEYS["new"])
    assert encryption.final([late], "secrets", None)
