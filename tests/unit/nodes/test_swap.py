"""What would bring swap back at a boot: the question, asked of a folder that stands for a machine."""

import re
import subprocess
from pathlib import Path

import pytest

from tasks.nodes.swap import GPT_SWAP, QUESTION

SYSTEM, RUN = "etc/systemd/system", "run/systemd"
ROOTS = re.compile(r"(?<=[ =\"])/(?=(?:etc|run|usr)\b)")


def asked(root: Path) -> list[str]:
    # a unit's own SourcePath stays what systemd writes there
    script = ROOTS.sub(f"{root}/", QUESTION).replace(f"SourcePath={root}/", "SourcePath=/")
    done = subprocess.run(["/bin/sh", "-c", script], text=True, capture_output=True, check=True)
    assert done.stderr == ""
    return done.stdout.replace(str(root), "").splitlines()


def placed(root: Path, path: str, text: str = "x\n", mode: int = 0o644) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)
    return file


def linked(root: Path, path: str, to: str) -> None:
    link = root / path
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(to)


def test_a_machine_without_any_of_it_says_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path) == []


def test_a_unit_that_fstab_brings_is_left_to_fstab(tmp_path: Path) -> None:
    placed(tmp_path, f"{RUN}/generator/dev-vda5.swap", "[Unit]\nSourcePath=/etc/fstab\n\n[Swap]\nWhat=/dev/vda5\n")
    linked(tmp_path, f"{RUN}/generator/swap.target.requires/dev-vda5.swap", "../dev-vda5.swap")
    assert asked(tmp_path) == []


def test_units_are_told_by_the_target_that_starts_them(tmp_path: Path) -> None:
    placed(tmp_path, f"{RUN}/generator/dev-zram0.swap", "[Swap]\nWhat=/dev/zram0\n")
    linked(tmp_path, f"{RUN}/generator/swap.target.wants/dev-zram0.swap", "../dev-zram0.swap")
    placed(tmp_path, f"{SYSTEM}/disabled.swap")
    placed(tmp_path, f"{SYSTEM}/swapfile.swap")
    linked(tmp_path, f"{SYSTEM}/multi-user.target.wants/swapfile.swap", "../swapfile.swap")
    assert asked(tmp_path) == ["unit swapfile.swap", "maker unit dev-zram0.swap"]


def test_what_is_masked_is_told_or_left_out(tmp_path: Path) -> None:
    placed(tmp_path, f"{RUN}/generator/dev-zram0.swap")
    linked(tmp_path, f"{RUN}/generator/swap.target.wants/dev-zram0.swap", "../dev-zram0.swap")
    linked(tmp_path, f"{SYSTEM}/dev-zram0.swap", "/dev/null")
    linked(tmp_path, f"{SYSTEM}/swap.target", "/dev/null")
    assert asked(tmp_path) == ["masked"]


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (None, ["maker zram-generator (/usr/lib/systemd/zram-generator.conf)"]),
        ("[zram0]\n", ["maker zram-generator (/etc/systemd/zram-generator.conf)"]),
        ("", []),
    ],
    ids=["the_packages_own", "the_owners", "the_owners_is_empty"],
)
def test_a_generator_that_has_not_run_yet_is_known_by_its_file(
    tmp_path: Path, own: str | None, told: list[str]
) -> None:
    placed(tmp_path, "usr/lib/systemd/zram-generator.conf", "[zram0]\n")
    if own is not None:
        placed(tmp_path, "etc/systemd/zram-generator.conf", own)
    assert asked(tmp_path) == []  # nothing reads the file
    placed(tmp_path, "usr/lib/systemd/system-generators/zram-generator", mode=0o755)
    assert asked(tmp_path) == told
    part = "etc/systemd/zram-generator.conf.d/more.conf"
    placed(tmp_path, part, "[zram1]\n")
    assert asked(tmp_path) == [*told, f"maker zram-generator (/{part})"]


def test_a_gpt_partition_of_type_swap_is_told_where_a_generator_looks_for_it(tmp_path: Path) -> None:
    placed(tmp_path, "run/udev/data/b254:5", f"E:ID_PART_ENTRY_TYPE={GPT_SWAP}\n")
    placed(tmp_path, "run/udev/data/b254:1", "E:ID_PART_ENTRY_TYPE=0fc63daf-8483-4772-8e79-3d69d8477de4\n")
    assert asked(tmp_path) == []
    placed(tmp_path, "usr/lib/systemd/system-generators/systemd-gpt-auto-generator", mode=0o755)
    assert asked(tmp_path) == ["maker GPT partition of type swap (block device 254:5)"]
    linked(tmp_path, "etc/systemd/system-generators/systemd-gpt-auto-generator", "/dev/null")
    assert asked(tmp_path) == []


def test_services_that_make_swap_are_known_by_their_links(tmp_path: Path) -> None:
    placed(tmp_path, f"{SYSTEM}/multi-user.target.wants/zramswap.service")
    assert asked(tmp_path) == ["service zramswap"]
