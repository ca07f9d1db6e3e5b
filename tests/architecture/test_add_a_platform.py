"""docs/add-a-platform.md is true: its files, added to a copy of the tree, are a platform, and pass what the page says that they pass."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.architecture.copies import REGISTRY, Copy
from tests.conftest import CHECKOUT

PAGE = (CHECKOUT / "docs/add-a-platform.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LINE = re.findall(r"^```diff\n.*?^\+(.*?\n).*?^```$", PAGE, re.MULTILINE | re.DOTALL)
GROUP = re.findall(r"Add it to \*\*`(.*?)`\*\*:\n\n```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"## Prove it\n\n```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The checkout with the platform of the page."""
    copy = Copy(tmp_path_factory.mktemp("platform") / "copy")
    for path, text in FILES.items():
        copy.write(path, text)
    (line,), ((path, group),) = LINE, GROUP
    copy.register(line)
    copy.append(path, f"\n{group}")
    for cache in (".mypy_cache", ".ruff_cache"):  # what is the same in both need not be judged twice
        if (CHECKOUT / cache).is_dir():
            shutil.copytree(CHECKOUT / cache, copy.folder / cache)
    return copy


def test_the_page_touches_its_rooms_the_registry_and_a_group(copy: Copy) -> None:
    rooms = ("tasks/platforms/openbgpd/", "templates/routers/openbgpd/", "tests/unit/platforms/openbgpd/")
    assert len(FILES) == 7
    assert all(any(path.startswith(room) for path in FILES) for room in rooms)
    assert {path for path in copy.touched() if not path.startswith(rooms)} == {REGISTRY, "inventory/groups.yaml"}


def test_no_file_of_the_page_lies_in_the_tree_already() -> None:
    assert [path for path in FILES if Path(CHECKOUT / path).exists()] == []


@pytest.mark.parametrize("command", COMMANDS[0].strip().splitlines())
def test_what_the_page_says_that_proves_it_passes(copy: Copy, command: str) -> None:
    said = copy.run("-m", *shlex.split(command))
    assert said.strip(), "something was looked at"
    if command.startswith("pytest"):
        assert re.search(r"\b(?:[1-9]\d{2,}) passed", said)
        assert "failed" not in said
