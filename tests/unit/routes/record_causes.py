"""Record what routers, nodes and the API say in one run of verify_routes.py, for the cases of test_causes: FILE [ARGUMENTS of the runbook].

Not a test. It runs the runbook in this process and writes down every answer as it came, by who was asked; of the API the lists that decide.
Salted digests stand for passwords, as in every run.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import yaml

from tasks.linux import observe
from tasks.routes import cluster, tasks
from tasks.routes.causes import asking, cluster_look

CHECKOUT = Path(__file__).resolve().parents[3]


def main(file: str, *arguments: str) -> None:
    """Run it, and write the file."""
    heard: dict[str, dict[str, Any]] = {}
    plain, items = observe.ask, cluster.items

    def ask(shell: Any, questions: Any, *rest: Any, **named: Any) -> Any:
        seen = plain(shell, questions, *rest, **named)
        answers = {name: [one.code, one.text] for name, one in seen.answers.items()}
        heard.setdefault(shell.host, {}).update(answers)
        return seen

    def listed(api: Any, path: str, query: Any = None) -> Any:
        found = items(api, path, query)
        heard.setdefault("api", {})[path] = found
        return found

    for module in (tasks, asking):
        module.ask = ask  # type: ignore[attr-defined]
    cluster_look.items = listed
    sys.argv = ["verify_routes.py", *arguments]
    try:
        runpy.run_path(str(CHECKOUT / "runbooks/verify_routes.py"), run_name="__main__")
    finally:
        Path(file).write_text(yaml.safe_dump(heard, width=10_000, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
