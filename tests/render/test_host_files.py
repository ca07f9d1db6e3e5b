"""What is written for chronyd and sysctl, read by the programs themselves, as a machine of the lab has them."""

from pathlib import Path
from typing import Any

import pytest

from kubepeer.intent import Intent
from lab.places import Cache
from lab.topology import Role
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import Write
from tasks.nodes import clock, sysctls
from tasks.nodes.systems import System
from tests.conftest import unavailable
from tests.render.programs import Said, overlaid

SYSTEMS = {"debian": System("debian", version="12"), "rocky": System("rocky", ("rhel",), "9.6", "dnf")}
INSTALLERS = (
    "pool 2.rocky.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\ndriftfile /var/lib/chrony/drift\nmakestep 1.0 3\n"
)


@pytest.fixture
def mirror(cache: Cache) -> list[Path]:
    """The lab's mirror has chrony and procps; the topmost of its file systems first."""
    layers = [cache.layer(Role.MIRROR), cache.base]
    if not all(layer.exists() for layer in layers):
        unavailable("the lab's machines are not built: python -m lab build")
    return layers


def file_of_clock(intent: Intent, system: System, stands: str | None) -> str:
    path = clock.daemon(intent, system).path
    seen = Seen({}, {path: FileSeen("644", "root:root", stands) if stands is not None else None})
    (change,) = clock.plan_servers(intent, system, seen)
    assert change is not None
    (step,) = change.steps
    assert isinstance(step, Write)
    return step.content


def chronyd(layers: list[Path], folder: Path, text: str) -> Said:
    """`chronyd -p` prints what it has read, and ends (chronyd(8))."""
    (folder / "chrony.conf").write_text(text)
    return overlaid(layers, folder, ["/usr/sbin/chronyd", "-p", "-f", "/mnt/chrony.conf"])


@pytest.mark.parametrize("defaults", ["seed", "today", "lab"])
@pytest.mark.parametrize(
    ("system", "stands"), [("debian", None), ("rocky", None), ("rocky", INSTALLERS)], ids=["debian", "rocky", "kept"]
)
def test_chronyd_reads_every_line(
    mirror: list[Path], tmp_path: Path, intent_of: Any, defaults: str, system: str, stands: str | None
) -> None:
    intent = intent_of(defaults)
    said = chronyd(mirror, tmp_path, file_of_clock(intent, SYSTEMS[system], stands))
    assert said.code == 0, said.text
    servers = [line.split()[1] for line in said.text.splitlines() if line.startswith(("server ", "pool "))]
    assert servers == list(intent.time_servers)


def test_chronyd_refuses_what_it_does_not_know(mirror: list[Path], tmp_path: Path) -> None:
    assert chronyd(mirror, tmp_path, "server 192.0.2.1 iburst bogus\n").code != 0


def test_sysctl_reads_every_line(mirror: list[Path], tmp_path: Path, intent_of: Any) -> None:
    intent = intent_of()
    change = next(sysctls.plan_files(intent.workers[0], Seen({}, dict.fromkeys(sysctls.PATHS))), None)
    assert change is not None
    (step,) = change.steps
    assert isinstance(step, Write)
    (tmp_path / "kubepeer.conf").write_text(step.content)
    said = overlaid(
        mirror, tmp_path, ["/bin/sh", "-c", "mount -t proc proc /proc && sysctl --dry-run --load=/mnt/kubepeer.conf"]
    )
    lines = said.text.splitlines()
    assert f"{sysctls.FORWARD} = 1" in lines, said.text
    # this kernel may not have the bridge's module loaded: then sysctl has read the name, and finds no variable
    unknown = {
        f"sysctl: cannot stat /proc/sys/{name.replace('.', '/')}: No such file or directory" for name in sysctls.SYSCTLS
    }
    known = {f"{name} = {value}" for name, value in sysctls.SYSCTLS.items()}
    assert len(lines) == len(sysctls.SYSCTLS)
    assert set(lines) <= known | unknown
