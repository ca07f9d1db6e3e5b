"""What backups are called, which go, what is in one, what is refused of a strange one, and what a restore would lose."""

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kubepeer.errors import CommandError, UsageError
from kubepeer.intent import Intent
from tasks.backup import archive, keys, names, questions
from tasks.backup import document as documents
from tasks.backup.document import DOCUMENT, SNAPSHOT, ControlPlane
from tasks.backup.keys import Moment
from tasks.linux.observe import Answer, Seen
from tests.unit.backup import contents
from tests.unit.backup.contents import TAKEN, document, packed, parts


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("", "lab-20261126T120000Z.tar.gz"),
        ("age", "lab-20261126T120000Z.tar.gz.age"),
        ("gpg", "lab-20261126T120000Z.tar.gz.gpg"),
    ],
)
def test_a_name_tells_whose_it_is_and_of_when(program: str, name: str) -> None:
    assert names.name_of("lab", TAKEN, program) == name
    assert [one.taken for one in names.of_cluster("lab", [name, "lab", "other-20261126T120000Z.tar.gz"])] == [TAKEN]


@pytest.mark.cases("retention")
def test_so_many_stay(case: dict[str, Any]) -> None:
    assert names.too_old(case["cluster"], case["names"], case["keep"], case["newest"]) == case["goes"]


@pytest.mark.cases("lost")
def test_what_a_snapshot_has_otherwise_is_told(case: dict[str, Any]) -> None:
    found = keys.lost(Moment(**case["then"]), Moment(**case["now"]))
    assert keys.told(found) == case["says"]
    assert found.revisions == case["revisions"]


def test_etcds_keys_are_read_and_come_back_from_the_backup() -> None:
    kvs = [
        {"key": base64.b64encode(f"/registry/{key}".encode()).decode(), "mod_revision": number}
        for key, number in {"pods/default/a b": 7, "namespaces/default": 3}.items()
    ]
    line = json.dumps({"header": {"revision": 9}, "kvs": kvs})
    moment = keys.read(f'{{"level":"warn","msg":"slow"}}\n{line}\n')
    assert moment == Moment(9, {"pods/default/a b": 7, "namespaces/default": 3})
    assert keys.read_written(keys.written(moment), 9) == moment
    with pytest.raises(CommandError, match="etcd's keys could not be listed: context deadline exceeded"):
        keys.read("context deadline exceeded\n")


@pytest.mark.cases("differences")
def test_what_is_otherwise_in_the_inventory_is_named(case: dict[str, Any], intent_of: Callable[..., Intent]) -> None:
    files = {f"inventory/{name}.yaml": b"" for name in ("hosts", "groups", "defaults")}
    digest = documents.kept(b"").sha256
    said = document(files, **{"cluster": intent_of().cluster.name, **case.get("document", {})})
    if planes := case.get("planes"):
        said = said.model_copy(update={"control_planes": {name: ControlPlane(**one) for name, one in planes.items()}})
    digests = {name: value if value == "22" else digest for name, value in case.get("digests", {}).items()}
    refused, remarks = documents.differences(said, intent_of(), digests)
    expected = [line.replace("is seed in", f"is {intent_of().cluster.name} in") for line in case["refused"]]
    assert refused == expected
    assert remarks == case["remarks"]


@pytest.mark.parametrize(
    ("ago", "says"),
    [
        (timedelta(seconds=5), "5 seconds old"),
        (timedelta(minutes=3), "3 minutes old"),
        (timedelta(hours=47), "47 hours old"),
        (timedelta(days=9), "9 days old"),
        (timedelta(minutes=-3), "0 seconds old"),
    ],
)
def test_an_age_is_told_in_words(ago: timedelta, says: str) -> None:
    assert documents.age(TAKEN, TAKEN + ago) == says


def test_what_is_written_is_read_again_to_the_byte() -> None:
    snapshot = io.BytesIO()
    content = archive.read(io.BytesIO(packed()), snapshot.write)
    assert content.files == parts()
    assert content.document == document(parts())
    assert snapshot.getvalue() == contents.SNAPSHOT
    assert content.document.of_node(contents.MASTERS[0])["/etc/kubernetes/pki/ca.key"].mode == "600"


@pytest.mark.parametrize(
    "name",
    [
        "manifests/kube-apiserver.yaml~",
        "manifests/#etcd.yaml#",
        'pki/old (1)/it\'s "mine"; $x & <y> | `z`!?*[a]{b}\\^.crt',
        "\u00fc\u65e5\u672c\t.yaml",
        "..data/x",
        "x" * 300,
    ],
)
def test_a_file_may_be_called_what_a_file_of_linux_may(name: str) -> None:
    files = parts() | {f"nodes/{contents.MASTERS[0]}/etc/kubernetes/{name}": b"kept"}
    assert archive.read(io.BytesIO(packed(files))).files == files
    sink = io.BytesIO()
    with archive.proved(sink) as stream:
        archive.write(stream, document(files), files, io.BytesIO(contents.SNAPSHOT))
    assert sink.getvalue() == packed(files)


@pytest.mark.parametrize(
    "name", ["", "/etc/x", "../x", "nodes/../x", "nodes//x", "nodes/a\nb", "nodes/a\0b", "n/\udcff"]
)
def test_what_could_not_be_read_again_is_not_written(name: str) -> None:
    sink = io.BytesIO()
    with pytest.raises(CommandError, match=r"cannot be a part of a backup\. No backup was made"):
        archive.write(sink, document(parts()), parts() | {name: b"x"}, io.BytesIO(contents.SNAPSHOT))
    assert sink.getvalue() == b""


def test_a_part_that_is_too_long_to_be_read_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 100)
    with pytest.raises(CommandError, match="is longer than a part of a backup can be"):
        packed(parts() | {"etcd/keys": b"x" * 101})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"inventory/hosts.yaml": b"other"}, "inventory/hosts.yaml in it is not what its document says"),
        ({"inventory/more.yaml": b"more"}, "'inventory/more.yaml' in it is nothing that its document knows"),
    ],
)
def test_what_is_written_for_others_is_read_while_it_is_written(changed: dict[str, bytes], says: str) -> None:
    def write() -> None:
        with archive.proved(io.BytesIO()) as stream:
            archive.write(stream, document(parts()), parts() | changed, io.BytesIO(contents.SNAPSHOT))

    with pytest.raises(CommandError, match=f"what was written could not be read again: {says}"):
        write()


def test_a_fault_of_who_writes_is_told_as_it_is() -> None:
    def write() -> None:
        with archive.proved(io.BytesIO()) as stream:
            stream.write(b"half")
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write()


def test_a_snapshot_that_is_cut_off_or_changed_on_its_way_makes_no_backup() -> None:
    with pytest.raises(CommandError, match="cut off on its way"):
        packed(snapshot=contents.SNAPSHOT[:-1])
    with pytest.raises(CommandError, match="did not arrive as it was sent"):
        packed(snapshot=b"x" + contents.SNAPSHOT[1:])


@pytest.mark.parametrize("left", [0, 10, 1000, -1, -9])
def test_a_backup_that_is_cut_off_is_refused(left: int) -> None:
    with pytest.raises(
        UsageError, match=r"it is no backup of Kubepeer's, or not whole|is not in it|does not come first"
    ):
        archive.read(io.BytesIO(packed()[:left]))


def test_a_damaged_byte_is_found() -> None:
    whole = gzip.decompress(packed())
    place = whole.index(b"the key of the CA")
    with pytest.raises(UsageError, match=r"pki/ca\.key in it is not what its document says"):
        archive.read(io.BytesIO(gzip.compress(whole[:place] + b"The" + whole[place + 3 :])))


def member(name: str, content: bytes = b"x", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.size = len(content)
    for key, value in fields.items():
        setattr(found, key, value)
    return found, content


@pytest.mark.parametrize(
    ("strange", "says"),
    [
        (member("../../etc/passwd"), "no plain file"),
        (member("/etc/passwd"), "no plain file"),
        (member("nodes/../../x"), "no plain file"),
        (member("nodes/a/../b"), "no plain file"),
        (member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/shadow"), "leads elsewhere"),
        (member("hard", b"", type=tarfile.LNKTYPE, linkname=DOCUMENT), "no plain file"),
        (member("device", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3), "leads elsewhere"),
        (member("folder", b"", type=tarfile.DIRTYPE), "no plain file"),
        (member("nodes/a\nb"), "no plain file"),
        (member("nodes//b"), "no plain file"),
        (member("nodes/.."), "no plain file"),
        (member("long", b"x" * 11), "longer than its document says"),
        (member("other", b"yyyyyyyyyy"), "not what its document says"),
        (member("unknown"), "nothing that its document knows"),
    ],
    ids=lambda value: value[0].name if isinstance(value, tuple) else "",
)
def test_a_hostile_part_is_refused_and_nothing_of_it_is_written(
    strange: tuple[tarfile.TarInfo, bytes], says: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    info, content = strange
    known = {} if info.name == "unknown" else {info.name: b"x" * 10}
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        first, text = member(DOCUMENT, documents.written(document(known)))
        tar.addfile(first, io.BytesIO(text))
        tar.addfile(info, io.BytesIO(content))
        last, snapshot = member(SNAPSHOT, contents.SNAPSHOT)
        tar.addfile(last, io.BytesIO(snapshot))
    sink.seek(0)
    with pytest.raises(UsageError, match=says):
        archive.read(sink)
    assert list(tmp_path.iterdir()) == []


def test_a_document_of_a_later_form_is_refused() -> None:
    text = documents.written(document(parts())).replace(b'"kubepeer_backup": 1', b'"kubepeer_backup": 2')
    with pytest.raises(UsageError, match="kubepeer_backup: Input should be 1"):
        documents.read(text)
    with pytest.raises(UsageError, match="colour: Extra inputs are not permitted"):
        documents.read(json.dumps({**json.loads(documents.written(document(parts()))), "colour": "red"}).encode())


STATUS = '{"hash":2183921,"revision":4711,"totalKey":990,"totalSize":5242880,"version":"3.6.0"}'


def told(status: str, code: int = 0) -> Seen:
    return Seen({"status": Answer(code, status), "size": Answer(0, "5242912\n"), "sum": Answer(0, "ab12  -\n")}, {})


def test_a_snapshots_status_is_read() -> None:
    found = questions.status(told(f"{STATUS}\n"))
    assert (found.revision, found.keys, found.size, found.sha256) == (4711, 990, 5242912, "ab12")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("Error: snapshot file integrity check failed. 3 errors found.", 1),
        (STATUS, 1),
        (STATUS.replace("990", "0"), 0),
        ("", 0),
        ("{", 0),
    ],
)
def test_a_snapshot_that_etcd_does_not_find_whole_is_none(status: str, code: int) -> None:
    with pytest.raises(CommandError, match="the snapshot is not whole; etcdutl snapshot status says"):
        questions.status(told(status, code))


def test_the_files_of_a_node_are_those_that_begin_with_a_slash() -> None:
    seen = Seen({"files": Answer(0, "/etc/kubernetes/b\n/etc/kubernetes/a\nfind: nonsense\n/etc/kubernetes/a\n")}, {})
    assert questions.paths(seen) == ["/etc/kubernetes/a", "/etc/kubernetes/b"]


def test_the_time_of_a_document_is_utc() -> None:
    assert document(parts()).taken == datetime(2026, 11, 26, 12, tzinfo=UTC)
