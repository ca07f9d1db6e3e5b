"""What is asked of every kind of router, and which kinds there are. Pure."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Protocol

from kubepeer.errors import RefusedError
from kubepeer.intent import Intent, Router
from kubepeer.intent.abilities import Abilities
from kubepeer.intent.between_nodes import way
from kubepeer.intent.racks import links_of
from tasks.platforms.ownership import OWNER, accepted_of, announced, description, senders
from tasks.platforms.preflight import Preflight
from tasks.platforms.reader import RouterReader
from tasks.platforms.sides import sides


class Platform(Protocol):
    """One kind of router: what it can, what it is told, what it says of itself, and why it is not touched.

    Attributes:
        name: as its makers write it.
        template: its path under templates/.
        whole: the candidate replaces a file that is ours alone; else it is merged into the router's configuration.
        hides_passwords: it prints them in a form that nobody can compare.
        on_linux: files, settings and the kernel's routes are reached through a shell.
        takes_message: its NAPALM driver takes a commit's message.
        driven: NAPALM's core or this repository has a driver for it; without one nothing connects.
        reverts: its NAPALM driver has a commit that the router takes back by itself; without one nothing is committed.
        unusable: signs that it does not take in a password, or takes for something else.

    """

    name: str
    template: str
    whole: bool
    hides_passwords: bool
    on_linux: bool
    takes_message: bool
    driven: bool
    reverts: bool
    unusable: str

    @property
    def abilities(self) -> Abilities:
        """What an inventory may ask of it."""

    @property
    def reader(self) -> RouterReader | None:
        """How its routes are asked for and read; None: they are not, and its verification is refused."""

    @property
    def preflight(self) -> Preflight | None:
        """What it must have before it is touched; None: nothing can be asked, its shell is none."""

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:
        """What the template needs beyond intent: what is process-wide and set too low, as `running` says."""

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """What to load: stale lines of ours go, wanted ones come, foreign ones are never named; "" when all is as it should be."""

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:
        """Our part of a configuration, a backup's for one, as `candidate` takes a rendered one."""

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:
        """Addresses of peers whose session this change ends on purpose."""


class Rooms(Mapping[str, Platform]):
    """The platforms by the name that an inventory has for them, which is their folder's, too.

    A room is entered when it is first asked for: nobody waits for the libraries of a platform that the inventory has not.
    """

    def __init__(self, *names: str) -> None:
        self._names = names

    def __getitem__(self, name: str) -> Platform:
        if name not in self._names:
            raise KeyError(name)
        platform: Platform = import_module(f"tasks.platforms.{name}").PLATFORM
        return platform

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


# The registry: a line here and the folder of that name are a platform.
PLATFORMS = Rooms(
    "frr",
    "bird",
    "eos",
    "ios",
    "nxos",
    "junos",
    "vyos",
)


def context(intent: Intent, router: Router, running: str, password: str | None) -> dict[str, object]:
    """Everything that the template of a router's platform may name.

    Raises:
        RefusedError: the password cannot be written on this platform.

    """
    platform = PLATFORMS[router.platform]
    if password and set(password) & set(platform.unusable):
        raise RefusedError(
            f"the BGP password has a sign that {router.platform} does not take: one of {platform.unusable!r}",
            host=router.name,
            cure="choose another",
        )
    how = way(intent, PLATFORMS)
    return {
        "owner": OWNER,
        "router": router,
        "peering": router.peering,
        "cluster": intent.cluster,
        "bgp": intent.cluster.bgp,
        "networks": intent.cluster.networks,
        "accepted": accepted_of(intent),
        "announced": announced(intent.cluster.networks) if how.announced else (),
        "as_override": how.cure == "as_override",
        "own_as_allowed": how.cure == "allowas_in",
        "nodes": intent.peers_of(router),
        "links": links_of(intent, intent.peers_of(router)),
        "senders": senders(intent, router),
        "sides": sides(intent, router, told=how.announced),
        "as_numbers": intent.as_numbers_of_peers(router),
        "password": password,
        "description": description(intent, router, password if platform.hides_passwords else None),
        **platform.values(intent, router, running),
    }
