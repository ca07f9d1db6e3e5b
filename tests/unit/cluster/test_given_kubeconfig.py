"""Kubeconfigs of other clusters: what is taken of them, and what is refused, one small file each."""

import base64
from typing import Any

import pytest
import yaml

from tasks.cluster.given_kubeconfig import Given, NotTakenError, Part, given
from tasks.cluster.kubeconfig import UnusableError
from tests.conftest import merged

CA = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def text_of(case: dict[str, Any]) -> str:
    if "text" in case:
        return str(case["text"])
    cluster = {
        "server": "https://api.example.org:6443",
        "certificate-authority-data": base64.b64encode(CA.encode()).decode(),
    }
    document = {
        "clusters": [
            {"name": "other", "cluster": {}},
            {"name": "theirs", "cluster": merged(cluster, case.get("cluster", {}))},
        ],
        "users": [{"name": "me", "user": case["user"]}],
        "contexts": [{"name": "here", "context": {"cluster": "theirs", "user": "me"}}],
        "current-context": "here",
    }
    return yaml.safe_dump(merged(document, case.get("document", {})))


def part(said: dict[str, str] | None) -> Part | None:
    return None if said is None else Part(**{key: CA if value == "CA" else value for key, value in said.items()})


@pytest.mark.cases("kubeconfigs")
def test_a_kubeconfig(case: dict[str, Any]) -> None:
    if "says" in case:
        with pytest.raises(UnusableError) as raised:
            given(text_of(case))
        assert str(raised.value) == case["says"]
        assert not isinstance(raised.value, NotTakenError) or raised.value.cure
        return
    said = dict(case["given"])
    parts = {key: part(said.pop(key, None)) for key in ("ca", "token", "certificate", "key")}
    assert given(text_of(case)) == Given(**said, **parts)
