"""Root's key and ~/.ssh/config among the nodes, as section 1.3 of the tutorial."""

from typing import Any

import pytest

from kubepeer.intent import Intent
from tasks.access import among_nodes
from tasks.access.among_nodes import AUTHORIZED, CONFIG, KNOWN, Keys
from tasks.linux.observe import Answer, FileSeen, Seen

FIRST, SECOND = "k8s-calico-master-10-31-90-1", "k8s-calico-worker-10-31-90-4"
KEYS = {
    FIRST: Keys("/root/.ssh/id_rsa", "ssh-rsa AAAAB3one", ("ssh-ed25519 AAAAChostone",)),
    SECOND: Keys(
        "/root/.ssh/id_ed25519", "ssh-ed25519 AAAACtwo", ("ssh-ed25519 AAAAChosttwo", "ssh-rsa AAAAB3hosttwo")
    ),
}


def planned(
    intent: Intent, files: dict[str, str], known: dict[str, Keys] | None = None, port: int = 22
) -> dict[str, str]:
    """What stands after the changes, of the files that are changed."""
    nodes = {name: intent.node(name) for name in (FIRST, SECOND)}
    seen = Seen(
        {}, {path: FileSeen("600", "root:root", files[path]) if path in files else None for path in among_nodes.PATHS}
    )
    known = KEYS if known is None else known
    changes = among_nodes.plan(nodes, dict.fromkeys(nodes, port), known, KEYS[SECOND], seen)
    return {change.what: str(change.after) for change in changes if change}


@pytest.fixture
def intent(intent_of: Any) -> Intent:
    intent: Intent = intent_of()
    return intent


def test_a_node_knows_all_others_and_the_way_to_them(intent: Intent) -> None:
    assert planned(intent, {}) == {
        AUTHORIZED: f"ssh-rsa AAAAB3one kubepeer:{FIRST}\nssh-ed25519 AAAACtwo kubepeer:{SECOND}\n",
        CONFIG: f"""# BEGIN kubepeer
Host {FIRST}
    HostName 10.31.90.1
    User root
    Port 22
    IdentityFile /root/.ssh/id_ed25519
Host {SECOND}
    HostName 10.31.90.4
    User root
    Port 22
    IdentityFile /root/.ssh/id_ed25519
# END kubepeer
""",
        KNOWN: f"""# BEGIN kubepeer
{FIRST},10.31.90.1 ssh-ed25519 AAAAChostone
{SECOND},10.31.90.4 ssh-ed25519 AAAAChosttwo
{SECOND},10.31.90.4 ssh-rsa AAAAB3hosttwo
# END kubepeer
""",
    }


def test_what_is_so_already_is_no_change(intent: Intent) -> None:
    files = planned(intent, {AUTHORIZED: "ssh-rsa AAAAB3mine me\n", CONFIG: "Host elsewhere\n"})
    assert files[AUTHORIZED].startswith("ssh-rsa AAAAB3mine me\n")
    assert files[CONFIG].startswith("Host elsewhere\n# BEGIN")
    assert planned(intent, files) == {}


def test_a_node_that_was_built_anew_loses_its_old_key_and_no_other_goes(intent: Intent) -> None:
    old = f"ssh-rsa AAAAB3old kubepeer:{FIRST}\nssh-rsa AAAAB3old root@{FIRST}\n"
    after = planned(intent, {AUTHORIZED: old})[AUTHORIZED].splitlines()
    assert after[0] == f"ssh-rsa AAAAB3old root@{FIRST}"
    assert f"ssh-rsa AAAAB3one kubepeer:{FIRST}" in after
    assert len(after) == 3


def test_who_was_not_looked_at_stays_as_he_stands(intent: Intent) -> None:
    files = planned(intent, {})
    assert planned(intent, files, known={SECOND: KEYS[SECOND]}) == {}


def test_another_port_stands_in_known_hosts_as_ssh_looks_for_it(intent: Intent) -> None:
    files = planned(intent, {}, port=2222)
    assert f"[{FIRST}]:2222,[10.31.90.1]:2222 ssh-ed25519 AAAAChostone" in files[KNOWN]
    assert "    Port 2222\n" in files[CONFIG]


def test_a_key_that_a_run_will_make_is_authorized_when_it_is_there(intent: Intent) -> None:
    none = Keys(among_nodes.NEW_KEY, "", ("ssh-ed25519 AAAAChostone",))
    assert AUTHORIZED in planned(intent, {}, known={**KEYS, FIRST: none})
    assert [change.what for change in among_nodes.plan_key(intent.node(FIRST), none)] == ["/root/.ssh/id_ed25519"]
    assert list(among_nodes.plan_key(intent.node(FIRST), KEYS[FIRST])) == []


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("", Keys("/root/.ssh/id_ed25519", "", ())),
        ("/root/.ssh/id_rsa\nssh-rsa AAAAB3one root@one\n", Keys("/root/.ssh/id_rsa", "ssh-rsa AAAAB3one", ())),
    ],
)
def test_the_answers_are_read(own: str, found: Keys) -> None:
    assert among_nodes.keys(Answer(0, own), Answer(0, "")) == found
