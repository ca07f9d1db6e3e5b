"""Modules by the name that the node's own kernel has for them: the question, with releases in the place of this machine's."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.nodes import kernel

RELEASES = [
    ("3.10.0-1160.el7.x86_64", "nf_conntrack_ipv4"),
    ("4.9.0-19-amd64", "nf_conntrack_ipv4"),
    ("4.18.0-553.el8.x86_64", "nf_conntrack_ipv4"),
    ("4.19.0-27-amd64", "nf_conntrack"),
    ("4.20.17", "nf_conntrack"),
    ("5.4.0-200-generic", "nf_conntrack"),
    ("6.12.48+deb13-amd64", "nf_conntrack"),
    ("10.1.0", "nf_conntrack"),
]


@pytest.mark.parametrize(("release", "name"), RELEASES)
def test_the_name_is_that_of_the_kernel(intent_of: Any, tmp_path: Path, release: str, name: str) -> None:
    (tmp_path / "osrelease").write_text(f"{release}\n")
    question = kernel.each_module(intent_of(), "true").replace(
        "/proc/sys/kernel/osrelease", str(tmp_path / "osrelease")
    )
    said = subprocess.run(["/bin/sh", "-c", question], text=True, capture_output=True, check=True).stdout.split()
    assert tuple(said) == kernel.modules_for(intent_of(), release)
    assert name in said
