"""How NAPALM finds the driver, and what a reader of texts does not wait for."""

from __future__ import annotations

import subprocess
import sys

import napalm

import napalm_bird


def test_napalm_finds_the_driver() -> None:
    assert napalm.get_network_driver("bird") is napalm_bird.BIRDDriver


def test_who_reads_texts_does_not_wait_for_napalm() -> None:
    code = "import sys; from napalm_bird import configuration, files, protocols, routes, status; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"napalm", "netmiko", "paramiko"} & set(done.stdout.split())
