"""The command on an API in memory."""

from pathlib import Path

import pytest

from tests.unit.adopt.served import Adopt, adopting


@pytest.fixture
def adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adopt:
    """As adopting() has it."""
    return adopting(tmp_path, monkeypatch)
