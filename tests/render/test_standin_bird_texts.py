"""BIRD itself reads what the stand-in for calico-node writes; the texts are the golden files of tests/unit/standins/bird."""

import os
from pathlib import Path

import pytest

from lab.places import Cache
from lab.topology import Role
from tests.conftest import unavailable
from tests.render.programs import Said, overlaid

FOLDER = Path(__file__).parents[1] / "unit" / "standins" / "bird"
TEXTS = sorted(path.name for path in FOLDER.glob("*.conf"))


def bird(cache: Cache, folder: Path, name: str) -> Said:
    layers = [cache.layer(Role.CLIENT), cache.base]
    if os.geteuid() != 0 or not all(layer.exists() for layer in layers):
        unavailable("the lab's client, which has BIRD, is not built or not root's: python -m lab build")
    return overlaid(layers, folder, ["bird", "-p", "-c", f"/mnt/{name}"])


@pytest.mark.parametrize("name", TEXTS)
def test_bird_accepts_the_text(name: str, cache: Cache) -> None:
    said = bird(cache, FOLDER, name)
    assert (said.code, said.text) == (0, "")


def test_bird_refuses_what_it_does_not_know(cache: Cache, tmp_path: Path) -> None:
    (tmp_path / "bird.conf").write_text("protocol bogus {}\n")
    said = bird(cache, tmp_path, "bird.conf")
    assert said.code != 0
    assert "syntax error" in said.text
