"""What nodes say of their certificates, by cases, as kubeadm has made them, and by real shells."""

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.certificates import pem, questions, reading, renewal
from tasks.certificates.kinds import COMPONENTS, Component
from tasks.certificates.reading import NodeCertificates
from tasks.linux.observe import Answer, Seen
from tests.unit.answering import asked_here
from tests.unit.certificates.authority import NOW, kubeconfig_line
from tests.unit.certificates.authority import pem as made

RECORDED = Path(__file__).parent / "recorded"


def text_of(files: dict[str, Any]) -> str:
    """The files as a node tells them."""
    lines = [f"@@ {path}\n" for path, file in files.items() if isinstance(file, dict) and file.get("copy")]
    lines += [f"@ {1000 + number} {path}\n" for number, path in enumerate(files)]
    for path, file in files.items():
        lines.append(f"## {path}\n")
        said = file if isinstance(file, dict) else {"pem": file}
        lines.append(said.get("text", ""))
        lines += [kubeconfig_line(of(*one)) for one in said.get("kubeconfig", ())]
        lines += [of(*one) for one in said.get("pem", ())]
    return "".join(lines)


def of(subject: str, days: float, issuer: str) -> str:
    return made(subject, days, issuer=issuer, authority=subject == issuer)


def read(text: str, *, processes: str = "clock 100 1000\n", keys: str = "", kubelet: str = "") -> NodeCertificates:
    answers = {"certificates": text, "processes": processes, "ca keys": keys, "kubelet": kubelet}
    return reading.read(Seen({name: Answer(0, said) for name, said in answers.items()}, {}))


@pytest.mark.cases("readings")
def test_every_certificate_of_a_node_is_told(case: dict[str, Any]) -> None:
    given = {key: case[key] for key in ("processes", "kubelet") if key in case}
    seen = read(text_of(case["files"]), **given)
    found = [
        [one.path, one.subject, pem.days(one, NOW), "CA" if one.authority else "", one.renewer.value]
        for one in seen.certificates
    ]
    assert found == case["found"]
    assert list(seen.unreadable) == case.get("unreadable", [])
    assert seen.began == case.get("began", {})
    assert seen.embedded is case.get("embedded", False)
    assert list(seen.written) == list(case["files"])


def test_what_kubeadm_has_made_is_read() -> None:
    """Recorded: kubeadm 1.36.3, init phase certs all, init phase kubeconfig all; kubelet.conf is as before kubeadm's last phase."""
    seen = read(
        (RECORDED / "first_control_plane.txt").read_text(encoding="ascii"), kubelet="rotateCertificates: true\n"
    )
    assert seen.unreadable == ()
    assert {one.path for one in seen.certificates if one.authority} == {
        f"/etc/kubernetes/pki/{name}.crt" for name in ("ca", "front-proxy-ca", "etcd/ca")
    }
    by_kubeadm = {one.path.rpartition("/")[2] for one in seen.certificates if one.renewer.value == "kubeadm"}
    assert by_kubeadm == {
        "apiserver.crt", "apiserver-etcd-client.crt", "apiserver-kubelet-client.crt", "front-proxy-client.crt",
        "server.crt", "peer.crt", "healthcheck-client.crt",
        "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf",
    }  # fmt: skip
    years = [(one.expires - one.begins).days for one in seen.certificates if one.renewer.value == "kubeadm"]
    assert set(years) == {365}
    assert seen.embedded


def test_no_file_can_pass_for_another() -> None:
    """What lies in a home is its user's; a mark of ours in it is no mark."""
    text = text_of({"/etc/kubernetes/pki/ca.crt": [["kubernetes", 3650, "kubernetes"]]})
    fed = subprocess.run(
        ["awk", questions.CERTIFICATES.split("awk '")[1].split("' \"$@\"")[0].format()],
        input="-----BEGIN CERTIFICATE-----\n## /etc/kubernetes/pki/apiserver.crt\nMIIB\n-----END CERTIFICATE-----\n@@ x\n"
        "client-key-data: c2VjcmV0\n",
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert fed.splitlines()[1:] == ["-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----"]
    assert [one.path for one in read(text + fed).certificates] == ["/etc/kubernetes/pki/ca.crt"]


def test_an_answer_that_is_an_error_is_told() -> None:
    answers = {"certificates": Answer(2, "awk: cannot open\nx"), "processes": Answer(0, ""), "ca keys": Answer(0, "")}
    with pytest.raises(CommandError, match="the certificates cannot be read: awk: cannot open x"):
        reading.read(Seen(answers, {}))


def test_a_shell_tells_of_files_and_never_of_a_key(intent_of: Any, tmp_path: Path) -> None:
    pki = tmp_path / "pki"
    (pki / "etcd").mkdir(parents=True)
    secret = "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n"
    (pki / "ca.crt").write_text(made("kubernetes", 3650, authority=True))
    (pki / "ca.key").write_text(secret)
    (pki / "etcd" / "peer.crt").write_text(secret + made("m1", 20))
    (tmp_path / "admin.conf").write_text(
        "    " + kubeconfig_line(made("kubernetes-admin", 20)) + "    client-key-data: c2VjcmV0\n"
    )
    (tmp_path / "scheduler.conf").mkdir()
    asked = questions.questions(intent := intent_of(), intent.control_planes[0])
    here = {
        name: text.replace("/etc/kubernetes", str(tmp_path)).replace("/root", "/nowhere")
        for name, text in asked.items()
    }
    here["certificates"] = here["certificates"].replace("for u in root", "for u in nobody-at-all")
    seen = asked_here(here)
    assert "c2VjcmV0" not in seen["certificates"].text
    assert "PRIVATE" not in seen["certificates"].text
    told = {one.path.removeprefix(f"{tmp_path}/"): one.subject for one in reading.read(seen).certificates}
    assert told == {"pki/ca.crt": "kubernetes", "pki/etcd/peer.crt": "m1", "admin.conf": "kubernetes-admin"}
    assert seen["ca keys"].lines == [f"{pki}/ca.key"]


@pytest.fixture
def component() -> Iterator[tuple[Component, subprocess.Popen[bytes]]]:
    """A process with an argument that no other has."""
    argument = f"--tls-cert-file=/{uuid.uuid4()}"
    process = subprocess.Popen(["sh", "-c", "while :; do sleep 0.05; done", argument])
    yield Component("kube-apiserver", argument, ()), process
    process.kill()
    process.wait(10)


def test_a_process_is_found_by_its_argument_with_its_beginning(
    component: tuple[Component, subprocess.Popen[bytes]],
) -> None:
    known, _ = component
    script = questions.PROCESSES.replace(COMPONENTS[0].argument, known.argument)
    seen = read("", processes=asked_here({"processes": script})["processes"].text)
    assert abs(seen.began["kube-apiserver"] - time.time()) < 30


def test_processes_are_told_to_end_and_nobody_else_is(component: tuple[Component, subprocess.Popen[bytes]]) -> None:
    known, process = component
    subprocess.run(
        ["sh", "-s"], input=renewal.ending([Component("x", f"{known.argument}-other", ())]).encode(), check=True
    )
    assert process.poll() is None
    subprocess.run(["sh", "-s"], input=renewal.ending([known]).encode(), check=True)
    assert process.wait(10) == -15


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("*  expire date: Nov 26 23:14:08 2027 GMT\n", "2027-11-26T23:14:08+00:00"),
        ("* \t expire date: Fri, 26 Nov 2027 23:14:08 GMT\n", "2027-11-26T23:14:08+00:00"),
        ("*  expire date: Dec  1 03:04:05 2027 GMT\n", "2027-12-01T03:04:05+00:00"),
        ("*  expire date: soon\n", None),
        ("", None),
    ],
)
def test_the_end_of_what_is_served_is_read(text: str, until: str | None) -> None:
    found = renewal.served_until(Answer(0, text))
    assert (found.isoformat() if found else None) == until
