"""The files that the tutorial shows, and those that are rendered in their place with inventory/seed.yaml: equal, but for listed rows."""

import copy
from fnmatch import fnmatchcase
from typing import Any

import pytest

from kubepeer.intent import Intent
from tests.conftest import goes_with, untouched
from tests.render.seed.comparison import ABSENT, HOME, Row, complaints, differences, rows, rows_of
from tests.render.seed.subjects import FILES, HAPROXY_HOSTS, SUBJECTS, ours, seeds

TEXTS = HOME / "text"
PASSWORD = "pass@77"
IMAGES = """
registry.aliyuncs.com/google_containers/kube-apiserver:v1.26.0
registry.aliyuncs.com/google_containers/kube-controller-manager:v1.26.0
registry.aliyuncs.com/google_containers/kube-scheduler:v1.26.0
registry.aliyuncs.com/google_containers/kube-proxy:v1.26.0
registry.aliyuncs.com/google_containers/pause:3.9
registry.aliyuncs.com/google_containers/etcd:3.5.6-0
registry.aliyuncs.com/google_containers/coredns:v1.9.3
"""


@pytest.fixture
def intent() -> Intent:
    return untouched("seed")


def names(folder: Any) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", names(FILES))
def test_a_file_is_the_tutorials_text_with_its_lines_restored(name: str) -> None:
    """The page's text has lost its lines, and its colours have put blanks into words: without white space the two are the same."""
    assert "".join((FILES / name).read_text().split()) == "".join((TEXTS / name).read_text().split())


def test_every_text_of_the_tutorial_has_its_file_and_its_subject() -> None:
    assert names(TEXTS) == names(FILES)
    assert sorted(name for subject in SUBJECTS.values() for name in subject.names) == names(FILES)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_ours_is_the_tutorials_but_for_listed_differences(subject: str, intent: Intent) -> None:
    assert complaints(seeds(subject), ours(subject, intent), rows_of(subject)) == []


@pytest.mark.parametrize("subject", [name for name in SUBJECTS if name.startswith("keepalived-")])
def test_with_the_tutorials_password_its_authentication_is_rendered(subject: str, intent: Intent) -> None:
    listed = rows_of(subject)
    listed.pop("vrrp_instance.authentication")
    assert complaints(seeds(subject), ours(subject, intent, PASSWORD), listed) == []


def test_with_the_tutorials_external_network_its_service_external_ips_are_rendered(intent_of: Any) -> None:
    networks = {"external": ["10.33.192.0/18"]}
    named = intent_of("seed", groups={"fabric": {"data": {"cluster": {"networks": networks}}}})
    subject = "calico-bgp-configuration.yaml"
    listed = rows_of(subject)
    listed.pop("BGPConfiguration default.spec.serviceExternalIPs")
    assert complaints(seeds(subject), ours(subject, named), listed) == []


def test_the_images_are_those_that_the_tutorials_kubeadm_lists(intent: Intent) -> None:
    software, named = intent.software, goes_with(intent.software.kubernetes)
    where, version = software.image_repository, software.kubernetes
    parts = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    assert IMAGES.split() == [
        *(f"{where}/{part}:v{version}" for part in parts),
        software.pause_image,
        f"{where}/etcd:{named['etcd']}",
        f"{where}/coredns:{named['coredns']}",
    ]


def test_the_backends_are_the_tutorials_control_planes(intent: Intent) -> None:
    assert {node.name: str(node.address) for node in intent.control_planes} == HAPROXY_HOSTS


def test_a_row_speaks_of_files_that_there_are_once_and_says_why() -> None:
    for subject in SUBJECTS:
        keys = [row.key for row in rows() if fnmatchcase(subject, row.file)]
        assert len(keys) == len(rows_of(subject)), subject
    assert [row for row in rows() if not any(row in rows_of(subject).values() for subject in SUBJECTS)] == []
    assert [row.key for row in rows() if len(row.why.split()) < 2 or not row.why.endswith(".")] == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_further_difference_is_found_wherever_it_is(subject: str, intent: Intent) -> None:
    """Each value that both have is changed in turn, and each that ours has is taken away."""
    there, here = seeds(subject), ours(subject, intent)
    tried = 0
    for path in places(here):
        for value in ("something else", ABSENT):
            edited = copy.deepcopy(here)
            put(edited, path, value)
            assert complaints(there, edited, rows_of(subject)), (path, value)
            tried += 1
    assert tried


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every single value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    return [path] if inner is None else [place for key, below in inner for place in places(below, (*path, key))]


def put(document: Any, path: tuple[Any, ...], value: str) -> None:
    for key in path[:-1]:
        document = document[key]
    if value == ABSENT:
        del document[path[-1]]
    else:
        document[path[-1]] = value


LISTED = Row("f", "a.b", 1, 2, "Because.")
NONE = "a.b: listed, and there is no difference"


@pytest.mark.parametrize(
    ("seed", "here", "said"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, []),
        ({"a": {"b": 1, "c": 3}}, {"a": {"b": 2, "c": 3}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 1}}, [NONE]),
        ({}, {}, [NONE]),
        ({"a": {"b": 1}}, {"a": {"b": 3}}, ["a.b: listed as 1 and 2, and it is 1 and 3"]),
        ({"a": {"b": 1}}, {"a": {}}, ["a.b: listed as 1 and 2, and it is 1 and '(absent)'"]),
        (
            {"a": {"b": 1}, "c": [{"d": 1}]},
            {"a": {"b": 2}, "c": [{"d": "1"}]},
            ["c.0.d: not listed: the tutorial has 1, ours '1'"],
        ),
        ({"a": {"b": 1}}, {"a": {"b": 2}, "c": None}, ["c: not listed: the tutorial has '(absent)', ours None"]),
        (
            {"a": {"b": 1}, "c": [{}]},
            {"a": {"b": 2}, "c": [{}, {}]},
            ["c: not listed: the tutorial has [{}], ours [{}, {}]"],
        ),
    ],
)
def test_a_difference_is_listed_and_what_is_listed_is_a_difference(seed: Any, here: Any, said: list[str]) -> None:
    assert complaints(seed, here, {"a.b": LISTED}) == said


def test_what_is_listed_as_one_is_compared_as_one() -> None:
    seed, here = {"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}
    assert [key for key, _ in differences(seed, here)] == ["a.c"]
    assert [key for key, _ in differences(seed, here, {"a"})] == ["a"]


@pytest.mark.parametrize(("value", "right"), [("0a1b", True), ("0a1g", False), ("0a1b0", False), (None, False)])
def test_a_generated_value_has_its_form(value: Any, *, right: bool) -> None:
    row = LISTED._replace(ours={"hash": {"form": "[0-9a-f]{4}"}})
    assert (complaints({"a": {"b": 1}}, {"a": {"b": {"hash": value}}}, {"a.b": row}) == []) is right
