"""A platform is a folder and a line: nothing outside its room names one, and one more needs nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.platforms.platform import PLATFORMS
from tests.architecture.copies import REGISTRY, Copy
from tests.conftest import CHECKOUT

MAKERS = ("arista", "cisco", "juniper", "openwrt", "bird2", "vtysh", "birdc")
NAMES = re.compile(
    rf"\b({'|'.join([*PLATFORMS, *(one.name for one in PLATFORMS.values()), *MAKERS])})\b", re.IGNORECASE
)
# On every node Calico runs a daemon that is called as one of the platforms: these speak of it.
OF_THE_NODES = {
    "kubepeer/intent/prefixes.py",
    "kubepeer/secret.py",
    "tasks/cluster/calico.py",
    "tasks/nodes/preflight.py",
    "tasks/rotation/ends.py",
    "tasks/rotation/exchange.py",
    "tasks/routes/causes/node_look.py",
    "tasks/routes/causes/of_announcements.py",
    "tasks/routes/causes/of_both_ends.py",
    "tasks/routes/causes/of_nodes.py",
    "tasks/routes/recovery.py",
    "tasks/routes/services.py",
}
# MetalLB's speakers may speak by one, too: the values of load_balancer.bgp.
OF_THE_SPEAKERS = {"kubepeer/intent/balancing.py", "kubepeer/intent/load_balancer.py"}
SPEAKERS_DAEMON = re.compile(r"\bfrr-k8s\b|\"frr\"")
NODES_DAEMON = re.compile(r"\bBIRD\b|/bird/|\bbird\.(?:cfg|ctl)\b|-x bird\b|4: \"bird\"")


def outside() -> list[str]:
    files = [path for folder in ("kubepeer", "tasks", "runbooks") for path in (CHECKOUT / folder).rglob("*.py")]
    files += [
        *(CHECKOUT / "templates").rglob("*.j2"),
        *(CHECKOUT / "kubepeer").glob("*.yaml"),
        CHECKOUT / "config.yaml",
    ]
    names = (str(path.relative_to(CHECKOUT)) for path in sorted(files))
    return [name for name in names if not name.startswith(("tasks/platforms/", "templates/routers/"))]


@pytest.mark.parametrize("name", outside())
def test_nothing_outside_the_rooms_names_a_platform(name: str) -> None:
    text = (CHECKOUT / name).read_text(encoding="utf-8").replace("openwrt-peer", "")  # a name of the tutorial's
    if name in OF_THE_NODES:
        text = NODES_DAEMON.sub("", text)
    if name in OF_THE_SPEAKERS:
        text = SPEAKERS_DAEMON.sub("", text)
    assert [line for line in text.splitlines() if NAMES.search(line)] == []


def test_every_room_is_in_the_registry_and_has_a_template() -> None:
    rooms = {path.parent.name for path in (CHECKOUT / "tasks/platforms").glob("*/__init__.py")}
    assert rooms == set(PLATFORMS) == {path.name for path in (CHECKOUT / "templates/routers").iterdir()}
    for name, platform in PLATFORMS.items():
        assert platform.template.startswith(f"routers/{name}/")
        assert (CHECKOUT / "templates" / platform.template).is_file()


def test_no_room_waits_for_hier_config_before_two_configurations_differ() -> None:
    rooms = "from tasks.platforms.platform import PLATFORMS; list(PLATFORMS.values())"
    loaded = f"import sys; {rooms}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert "hier_config" not in done.stdout.split()
    assert {f"tasks.platforms.{name}" for name in PLATFORMS} <= set(done.stdout.split())


TOY = {
    "tasks/platforms/toy/__init__.py": '''"""A toy that is told its neighbours, one a line, and says them again."""

from ipaddress import IPv4Address

from kubepeer.errors import RefusedError
from kubepeer.intent.abilities import NO_SESSION_LIMIT, Abilities
from tasks.platforms.platform import Platform
from tasks.platforms.seen import RouterSeen, Session


class Reader:
    """One question."""

    def questions(self, networks, probes):
        return {"neighbours": "toy show"}

    def read(self, answers, probes):
        peers = map(IPv4Address, answers["neighbours"].lines)
        return RouterSeen({peer: Session(peer, "Established") for peer in peers})


class Toy:
    """All that is known of it."""

    name = "Toy"
    template = "routers/toy/toy.j2"
    whole = on_linux = takes_message = driven = reverts = True
    hides_passwords = False
    unusable = ""
    abilities = Abilities((NO_SESSION_LIMIT,))
    reader = Reader()
    preflight = None

    def values(self, intent, router, running):
        return {}

    def candidate(self, intent, router, rendered, running):
        if "not a toy" in running:
            raise RefusedError("it is no toy", host=router.name)
        return rendered

    def owned(self, intent, router, configuration):
        return configuration

    def may_go_down(self, intent, router, running, diff):
        return set()


PLATFORM: Platform = Toy()
''',
    "templates/routers/toy/toy.j2": "{% for node in nodes %}\n{{ node.address }}\n{% endfor %}\n",
}
USE = """
import json, sys
from pathlib import Path
from kubepeer.intent.load import load_intent
from kubepeer.settings import read_settings
from tasks.linux.observe import Answer
from tasks.linux.templates import render
from tasks.platforms.platform import PLATFORMS, context
from tasks.platforms import platform as registry

assert Path(registry.__file__).is_relative_to(Path.cwd()), registry.__file__
intent = load_intent(read_settings(Path("config.yaml")), PLATFORMS)
router = intent.routers[-1]
toy = PLATFORMS[router.platform]
told = toy.candidate(intent, router, render(toy.template, **context(intent, router, "", None)), "")
seen = toy.reader.read({name: Answer(0, told) for name in toy.reader.questions([], {})}, {})
print(json.dumps({"name": toy.name, "told": told.split(), "up": sorted(map(str, seen.sessions))}))
"""
INVENTORY = """
toy:
  groups: [routers]
  platform: toy
"""
HOST = """
toybox:
  hostname: 10.31.90.200
  groups: [toy]
  data:
    as_number: 64520
"""


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """The checkout with a toy in it."""
    copy = Copy(tmp_path / "copy")
    for path, text in TOY.items():
        copy.write(path, text)
    copy.register('    "toy",\n')
    copy.append("inventory/groups.yaml", INVENTORY)
    copy.append("inventory/hosts.yaml", HOST)
    config = (copy.folder / "config.yaml").read_text(encoding="utf-8")
    copy.write("config.yaml", re.sub("lab/defaults.yaml", "inventory/defaults.yaml", config))
    return copy


def test_a_toy_platform_is_one_folder_and_one_line(copy: Copy) -> None:
    used = json.loads(copy.run("-c", USE))
    nodes = [f"10.31.90.{number}" for number in range(1, 7)]
    assert used == {"name": "Toy", "told": nodes, "up": nodes}
    outside_the_inventory = {path for path in copy.touched() if not path.startswith(("inventory/", "config.yaml"))}
    assert outside_the_inventory == {*TOY, REGISTRY}
    ours, theirs = ((folder / REGISTRY).read_text(encoding="utf-8") for folder in (copy.folder, CHECKOUT))
    assert set(ours.splitlines()) - set(theirs.splitlines()) == {'    "toy",'}


def test_what_a_toy_cannot_is_one_line_when_the_inventory_is_read(copy: Copy) -> None:
    copy.append("inventory/hosts.yaml", "    peering: {neighbours: dynamic}\n")
    done = copy.try_("-c", USE)
    assert "inventory/hosts.yaml: toybox: peering.neighbours: toy cannot: it sets no limit" in done.stderr


def test_without_its_line_in_the_registry_a_folder_is_no_platform(copy: Copy) -> None:
    copy.write(REGISTRY, (CHECKOUT / REGISTRY).read_text(encoding="utf-8"))
    done = copy.try_("-c", USE)
    assert "toybox: platform: Input should be 'frr', " in done.stderr
    assert "(found 'toy')" in done.stderr
