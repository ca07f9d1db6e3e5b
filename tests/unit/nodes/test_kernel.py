"""Modules by the name that the node's own kernel has for them: the question, with releases in the place of this machine's."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.nodes import kernel

RELEASES = [
    ("3.10.0-1160.el7.x86_64", True, "nf_conntrack_ipv4"),
    ("4.9.0-19-amd64", True, "nf_conntrack_ipv4"),
    ("4.18.0-553.el8.x86_64", False, "nf_conntrack"),  # Red Hat's has the two as one
    ("4.18.20", True, "nf_conntrack_ipv4"),
    ("4.19.0-27-amd64", True, "nf_conntrack"),
    ("4.20.17", True, "nf_conntrack"),
    ("5.4.0-200-generic", True, "nf_conntrack"),
    ("6.12.48+deb13-amd64", True, "nf_conntrack"),
    ("10.1.0", True, "nf_conntrack"),
]


@pytest.mark.parametrize(("release", "apart", "name"), RELEASES)
def test_the_name_is_that_of_the_kernel(
    intent_of: Any, tmp_path: Path, release: str, name: str, *, apart: bool
) -> None:
    (tmp_path / "osrelease").write_text(f"{release}\n")
    question = kernel.each_module(intent_of(), "true").replace(
        "/proc/sys/kernel/osrelease", str(tmp_path / "osrelease")
    )
    modprobe = f"modprobe() {{ {'true' if apart else 'false'}; }}\n"
    said = subprocess.run(["/bin/sh", "-c", modprobe + question], text=True, capture_output=True, check=True).stdout
    assert tuple(said.split()) == kernel.modules_for(intent_of(), name)
    assert name in said
