"""The owner's files as the router's shell prints them, and the configuration that they are together."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from napalm_bird import configuration, files


def printed(main: Path, ours: Path) -> files.Files:
    done = subprocess.run(["sh", "-c", files.command(str(main), str(ours))], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return files.read(done.stdout, str(main))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "transit.conf").write_text('protocol bgp t { password "one two"; }\n')
    (tmp_path / "conf.d" / "ours.conf").write_text("# ours\n")
    (tmp_path / "kernel.conf").write_text('merge paths on;\ninclude "conf.d/deeper.cfg";\n')
    (tmp_path / "conf.d" / "deeper.cfg").write_text('include "deepest.cfg";\nipv4 { export all; };\n')
    (tmp_path / "conf.d" / "deepest.cfg").write_text('keys { key { secret "one two"; }; };\n')
    main = tmp_path / "bird.conf"
    main.write_text(
        "protocol kernel {\n"
        'include "kernel.conf";\n'
        "}\n"
        '  include "conf.d/*.conf"; # everybody\'s\n'
        'include "absent.conf";\n'
        '# include "conf.d/comment.conf";\n'
        "/* */ define NAME = 1;\n"
    )
    return tmp_path


def test_what_is_included_is_read_in_its_place_however_deep_it_lies(folder: Path) -> None:
    found = printed(folder / "bird.conf", folder / "conf.d" / "ours.conf")
    assert {Path(path).name for path in found.texts} == {
        "bird.conf", "kernel.conf", "deeper.cfg", "deepest.cfg", "transit.conf", "ours.conf"
    }  # fmt: skip
    (kernel,) = configuration.kernels(found.whole)
    assert (kernel.merged, kernel.exports) == (16, True)


def test_no_secret_leaves_the_router_and_ours_is_not_printed(folder: Path) -> None:
    found = printed(folder / "bird.conf", folder / "conf.d" / "ours.conf")
    assert "one two" not in found.whole
    assert 'password "";' in found.whole
    assert found.texts[str(folder / "conf.d" / "ours.conf")].strip() == ""


@pytest.mark.parametrize(
    ("include", "path", "reads"),
    [
        ('include "/etc/bird/conf.d/*.conf";', "/etc/bird/conf.d/ours.conf", True),
        ('\tinclude\t"conf.d/*.conf"\t; # all', "/etc/bird/conf.d/ours.conf", True),
        ('include "/etc/bird/conf.d/ours.conf";', "/etc/bird/conf.d/ours.conf", True),
        ('include "./conf.d/../conf.d/ours.conf";', "/etc/bird/conf.d/ours.conf", True),
        ('include "/etc/*/conf.d/ours.conf";', "/etc/bird/conf.d/ours.conf", True),
        ('include "/etc/bird/*";', "/etc/bird/conf.d/ours.conf", False),
        ('include "/etc/bird/conf.d/*.cfg";', "/etc/bird/conf.d/ours.conf", False),
        ('# include "/etc/bird/conf.d/*.conf";', "/etc/bird/conf.d/ours.conf", False),
        ('/* of old\ninclude "/etc/bird/conf.d/*.conf";\n*/', "/etc/bird/conf.d/ours.conf", False),
        ('define A = 1; include "/etc/bird/conf.d/*.conf";', "/etc/bird/conf.d/ours.conf", False),
    ],
)
def test_an_include_means_a_file_or_it_does_not(include: str, path: str, reads: bool) -> None:  # noqa: FBT001
    found = files.read(f"{include}\n", "/etc/bird/bird.conf")
    assert found.reads(path) is reads


def test_a_main_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    words = ["sh", "-c", files.command(str(tmp_path / "bird.conf"), "/etc/bird/ours.conf")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bird.conf: cannot be read" in done.stdout


def test_a_file_that_is_included_twice_stands_twice_and_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "bird.conf").write_text('include "other.conf";\ninclude "other.conf";\n')
    (tmp_path / "other.conf").write_text("define A = 1;\n")
    found = printed(tmp_path / "bird.conf", tmp_path / "ours.conf")
    assert found.texts[str(tmp_path / "other.conf")].strip() == "define A = 1;"
    assert found.whole.count("define A = 1;") == 2


def test_files_that_include_each_other_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "bird.conf").write_text('include "other.conf";\n')
    (tmp_path / "other.conf").write_text('include "bird.conf";\n')
    assert "include" not in printed(tmp_path / "bird.conf", tmp_path / "ours.conf").whole
