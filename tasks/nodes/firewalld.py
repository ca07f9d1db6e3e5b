"""Two policies of firewalld's, of our own name: what the node receives, and what it forwards. Pure.

Policies (firewalld.policies(5), from 0.9 on) come before the zones, whatever zone an interface is in, and what they do not accept goes
on to them: no zone of the owner's is touched. They are files, so that the plan is a diff.
"""

from collections.abc import Iterator

from kubepeer.intent import Intent, Node
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, clearing_marker, file, marker_of
from tasks.linux.templates import render
from tasks.nodes.openings import openings, trusted

FOLDER = "/etc/firewalld/policies"
INPUT_FILE, FORWARD_FILE = f"{FOLDER}/kubepeer.xml", f"{FOLDER}/kubepeer-pods.xml"
PATHS = (INPUT_FILE, FORWARD_FILE)
NAME = "firewalld"
SECONDS = 60

Rule = dict[str, str]


def files(intent: Intent, node: Node) -> dict[str, str]:
    """Path -> text."""
    return {
        INPUT_FILE: _policy(
            "kubepeer", "What this node receives as a member of the cluster.", "HOST", _received(intent, node)
        ),
        FORWARD_FILE: _policy("kubepeer-pods", "What is forwarded to and from pods.", "ANY", _forwarded(intent)),
    }


def plan(intent: Intent, node: Node, seen: Seen) -> Iterator[LinuxChange | None]:
    """The files, and firewalld reads them; connections that stand go on."""
    changes = [
        file(path, text, seen.files[path], restart_marker=marker_of(NAME)) for path, text in files(intent, node).items()
    ]
    yield from changes
    if any(changes) or NAME in seen["restarts"].lines:
        script = clearing_marker(NAME, "firewall-cmd --reload >/dev/null")
        yield action("firewall firewalld", "reloaded", script, deadline=SECONDS)


def _policy(name: str, description: str, egress: str, rules: list[Rule]) -> str:
    return render("nodes/firewalld-policy.xml.j2", name=name, description=description, egress=egress, rules=rules)


def _rule(*, source: object = "", destination: object = "", protocol: str = "", port: str = "") -> Rule:
    return {"source": str(source), "destination": str(destination), "protocol": protocol, "port": port}


def _received(intent: Intent, node: Node) -> list[Rule]:
    rules = [
        _rule(source=source, protocol=opening.protocol, port=opening.port)
        for opening in openings(intent, node)
        for source in opening.sources or ("",)
    ]
    pods, *services = trusted(intent)
    return [*rules, _rule(source=pods), *(_rule(destination=network) for network in services)]


def _forwarded(intent: Intent) -> list[Rule]:
    pods, *_ = trusted(intent)
    return [_rule(source=pods), _rule(destination=pods)]
