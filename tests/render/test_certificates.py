"""Certificates as the real kubeadm makes and renews them, with no API that answers; the node's own files are not touched."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.certificates import judge, questions, reading, renewal
from tasks.certificates.kinds import BY_KUBEADM, Renewer
from tasks.linux.observe import new_mark, parse, script

# /etc as it is, and what is written there is of this mount namespace alone
SCRIPT = """set -e
mount --make-rprivate /; mount -t tmpfs none {folder}/over; mkdir {folder}/over/upper {folder}/over/work
mount -t overlay none -o lowerdir=/etc,upperdir={folder}/over/upper,workdir={folder}/over/work /etc
rm -rf /etc/kubernetes; mkdir /etc/kubernetes
kubeadm init phase certs all --config {folder}/kubeadm.yaml; kubeadm init phase kubeconfig all --config {folder}/kubeadm.yaml
sh {folder}/ask >{folder}/before
sh {folder}/renew
sh {folder}/ask >{folder}/after
"""
CONFIGURATION = """apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.31.90.1}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.0
controlPlaneEndpoint: 10.31.90.0:8443
encryptionAlgorithm: ECDSA-P256
"""


def test_kubeadm_renews_every_certificate_that_is_said_to_be_its_own(
    kubeadm: Path, intent_of: Any, tmp_path: Path
) -> None:
    intent, now, mark = intent_of(), datetime.now(UTC), new_mark()
    node = intent.control_planes[0]
    (tmp_path / "over").mkdir()
    (tmp_path / "kubeadm.yaml").write_text(CONFIGURATION)
    (tmp_path / "ask").write_text(script(questions.questions(intent, node), (), mark))
    (tmp_path / "renew").write_text(renewal.RENEW.format(lock="", direct=""))
    done = subprocess.run(
        ["unshare", "-m", "-n", "sh", "-c", SCRIPT.format(folder=tmp_path)],
        env={**os.environ, "PATH": f"{kubeadm.parent}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = (reading.read(parse((tmp_path / name).read_bytes(), mark)) for name in ("before", "after"))
    assert (before.unreadable, after.unreadable) == ((), ())
    ours = {one.path for one in before.certificates if one.renewer is Renewer.KUBEADM}
    assert ours == BY_KUBEADM
    first = {one.path: one.fingerprint for one in before.certificates}
    assert {one.path for one in after.certificates if one.fingerprint != first[one.path]} == BY_KUBEADM
    assert judge.external_authorities(intent, after) == ()
    assert judge.wrong_after(judge.due(before, 10_000, now), after, 30, now) == ""
