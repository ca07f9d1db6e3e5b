"""The network namespace that config.yaml names is entered before anything is contacted, or the run is refused."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from kubepeer.errors import UsageError
from kubepeer.namespace import enter

ENTER = """import os, sys, threading
from kubepeer.namespace import enter
enter(sys.argv[1])
seen = []
thread = threading.Thread(target=lambda: seen.append(os.stat("/proc/thread-self/ns/net").st_ino))
thread.start()
thread.join()
print(os.stat("/proc/self/ns/net").st_ino, *seen, *sys.argv[1:])
"""


def test_without_a_namespace_the_run_stays_where_it_is() -> None:
    before = Path("/proc/self/ns/net").stat().st_ino
    enter(None)
    assert Path("/proc/self/ns/net").stat().st_ino == before


def test_a_namespace_that_is_not_there_is_refused_with_a_cure() -> None:
    with pytest.raises(UsageError) as raised:
        enter("kubepeer-absent")
    assert str(raised.value) == (
        "network namespace 'kubepeer-absent' is not there: /run/netns/kubepeer-absent. Nothing was contacted. Cure: start the lab "
        "(python -m lab up), or remove user_defined.namespace from config.yaml for real machines"
    )
    assert raised.value.exit_code == 2


@pytest.fixture
def namespace(leave_out: Callable[[str], NoReturn]) -> Iterator[str]:
    if os.geteuid() != 0 or not shutil.which("ip"):
        leave_out("a network namespace is made by root with ip-netns")
    name = f"kpt{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def test_what_is_no_network_namespace_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may enter one at all")
    (tmp_path / "plain").touch()
    monkeypatch.setattr("kubepeer.namespace.FOLDER", tmp_path)
    with pytest.raises(UsageError, match=r"'plain' cannot be entered: Invalid argument. Nothing was contacted"):
        enter("plain")


def test_the_program_goes_on_in_the_namespace_with_its_arguments(namespace: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(ENTER)
    done = subprocess.run(
        [sys.executable, program, namespace, "--group", "two words"], capture_output=True, text=True, check=True
    )
    inode = (Path("/run/netns") / namespace).stat().st_ino
    assert done.stdout == f"{inode} {inode} {namespace} --group two words\n"


def test_who_is_not_root_is_told_so(namespace: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(ENTER.replace("enter(sys", "os.setuid(65534); enter(sys"))
    done = subprocess.run([sys.executable, program, namespace], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"network namespace '{namespace}' cannot be entered without root. Nothing was contacted." in done.stderr
