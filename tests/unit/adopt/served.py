"""An API that serves objects of a case, and the command on it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepeer.secret import Redactor
from tasks.adopt import command


class Served:
    """Objects and lists by their paths; remembers what it was asked."""

    server = "https://192.0.2.99:6443"

    def __init__(self, paths: Mapping[str, Any]) -> None:
        self.paths = paths
        self.asked: list[str] = []

    def get(self, path: str, _query: Mapping[str, str] | None = None) -> Any | None:
        """As KubernetesApi has it."""
        self.asked.append(path)
        found = self.paths.get(path)
        return {"items": found} if isinstance(found, list) else found

    def call(self, _method: str, path: str) -> str:
        """It is ready."""
        self.asked.append(path)
        return "ok"


Adopt = Callable[[Mapping[str, Any]], tuple[int, Path, Served]]


def adopting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Adopt:
    """Run the command of a case; gives its exit code, its folder, and what was asked."""

    def adopt(case: Mapping[str, Any]) -> tuple[int, Path, Served]:
        served, to = Served(case.get("api", {})), tmp_path / "to"
        hosts = tmp_path / "routers.yaml"
        hosts.write_text(yaml.safe_dump(case.get("hosts", {})), encoding="utf-8")
        if "there" in case:
            to.mkdir()
            (to / case["there"]).write_text("mine", encoding="utf-8")

        def api_of(given: Any, redactor: Redactor) -> tuple[Served, dict[str, str], str]:
            assert isinstance(redactor, Redactor)
            return served, {"kubeconfig": given.kubeconfig.name}, case.get("called", "kubernetes")

        monkeypatch.setattr(command, "api_of", api_of)
        monkeypatch.setattr(command, "enter", lambda name: None if name in (None, "elsewhere") else pytest.fail(name))
        arguments = [str(hosts) if word == "HOSTS" else word for word in case.get("arguments", [])]
        code = command.main("adopt", ["--kubeconfig", str(tmp_path / "kubeconfig"), "--to", str(to), *arguments])
        return code, to, served

    return adopt
