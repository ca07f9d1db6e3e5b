"""BIRD's answers: sessions, the paths of its table, what it hands to the kernel, and the kernel's own routes. Pure.

The texts are those of BIRD 2.0.12 and 3.1.8, read by napalm_bird; tests/unit/platforms/bird/recorded holds answers of both. `show route in`
is there from 2.0.9 on, and asks the table's tree for the part that lies in a network (BIRD's NEWS).

How BIRD's table maps to the layers (BIRD 2.0 User's Guide, chapters 4 "Remote control" and 6.6 "Kernel", option `merge paths`):
- bgp     every path of a BGP neighbour that is as good as the best one, by the next hop that it announced. BIRD marks the best alone;
          which others are equal to it follows from the attributes that it prints.
- rib     what the kernel protocol is given: `show route export KERNEL` prints the best path of a prefix together with the next hops
          of its equals, if `merge paths` is on and its limit allows them. ECMP begins here, not in the table. The next hops are those
          that the table has resolved: of a node behind another hop (multihop, `gateway recursive`, a loopback) the gateways to it.
- kernel  what the kernel has; its routes by BIRD are of `proto bird`.
A VRF is a table of BIRD, with a kernel protocol of its own that writes it to a table of the kernel.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from napalm_bird import configuration, protocols, routes, status
from napalm_bird import files as configuration_files
from napalm_bird.syntax import SyntaxRefused

from kubepeer.errors import CommandError
from kubepeer.intent.families import IPV4, IPV6, Address, Network, Version, version_of
from kubepeer.intent.model import ConfigurationFiles
from tasks.linux.observe import Answer
from tasks.platforms import kernel, kernel_questions
from tasks.platforms.bird import files as site
from tasks.platforms.bird import second_look
from tasks.platforms.bird.birdc import BIRDC
from tasks.platforms.bird.read_routes import by_prefix, paths, rib
from tasks.platforms.bird.read_sessions import by_peer, sessions_of
from tasks.platforms.reader import each, legible, outside
from tasks.platforms.second_look import RouterLook
from tasks.platforms.seen import RouterSeen, Session

DEFAULT_TABLES: Mapping[Version, str] = {IPV4: "master4", IPV6: "master6"}
DEFAULT_TABLE = DEFAULT_TABLES[IPV4]
NO_KERNEL_PROTOCOL = "no kernel protocol of BIRD writes its table {} to the kernel: no route of it can be used"


@dataclass(frozen=True)
class Bird:
    """A router with BIRD 2 or 3 on Linux, read through birdc and iproute2.

    Attributes:
        table: of BIRD; the one that every BIRD has, or a VRF's.
        files: where its configuration lies, which tells a VRF's table of the kernel.

    """

    table: str = DEFAULT_TABLE
    files: ConfigurationFiles = field(default_factory=ConfigurationFiles)

    def in_vrf(self, vrf: str, files: ConfigurationFiles | None = None) -> "Bird":
        """The same, of another table."""
        return Bird(vrf, files or self.files)

    def questions(self, networks: Sequence[Network], probes: Mapping[Network, Address]) -> dict[str, str]:
        """Everything in one round trip, whatever else BIRD's tables hold."""
        asked = {"status": f"{BIRDC} show status", "protocols": f"{BIRDC} show protocols all"}
        table = f" table {_symbol(self.table)}" if self._in_vrf else ""
        for network in networks:
            main = self._tables.get(version_of(network), self.table)
            kernels = f'{BIRDC} show protocols | awk \'$2 == "Kernel" && $3 == "{main}" {{print $1}}\''
            asked[f"paths {network}"] = f"{BIRDC} {shlex.quote(f'show route in {network}{table} all')}"
            exported = f"{BIRDC} \"show route in {network} export '$protocol' all\""
            asked[f"exported {network}"] = f"for protocol in $({kernels}); do {exported}; done"
            listed = kernel_questions.all_tables_question if self._in_vrf else kernel_questions.routes_question
            asked[f"kernel {network}"] = listed(network)
        if self._in_vrf:
            command = configuration_files.command(site.main(self.files), site.ours(self.files))
            return asked | {"configuration": command, "tables": kernel_questions.TABLE_NAMES}
        return asked | {
            kernel_questions.LOOKUPS: kernel_questions.lookups_question(probes.values()),
            **kernel_questions.hash_policy_questions(networks),
        }

    def read(self, answers: Mapping[str, Answer], probes: Mapping[Network, Address]) -> RouterSeen:
        """Read the answers to these questions."""
        now = status.read(_text(answers, "status")).now
        with legible("protocols"):
            listed = protocols.protocols(_text(answers, "protocols"))
            sessions = dict(sessions_of(listed, now, self._tables))
        shown = each(answers, "paths", lambda name: _routes(answers, name))
        table = by_prefix(shown)
        handed = each(answers, "exported", lambda name: _routes(answers, name))
        exported = {prefix: found[0] for prefix, found in by_prefix(handed).items()}
        in_kernel = [answer for name, answer in answers.items() if name.startswith("kernel ")]
        return RouterSeen(
            sessions=by_peer(sessions.values()),
            bgp={prefix: known for prefix, found in table.items() if (known := paths(found, sessions))},
            rib={prefix: rib(found, exported.get(prefix), now) for prefix, found in table.items()},
            kernel=kernel.read_routes(in_kernel, self._kernel_table(answers) if self._in_vrf else None),
            lookups=kernel.read_lookups(answers[kernel_questions.LOOKUPS], probes)
            if kernel_questions.LOOKUPS in answers
            else {},
            kernel_protocols=frozenset({"bird"}),  # whichever of its protocols a route is of
            resolved=routes.resolved(shown),
            gateways_in_rib=True,
            notice=kernel.notice_of(in_kernel),
            hash_policy=kernel.hash_policy(answers),
            hash_policy6=kernel.hash_policy(answers, IPV6),
        )

    def leak_questions(self, sessions: Iterable[Session], networks: Sequence[Network]) -> dict[str, str]:
        """What each neighbour has brought outside of the networks: BIRD's own filter looks through the table."""
        return {f"brought {one.peer}": self._brought(one.peer, networks) for one in sessions}

    def _brought(self, peer: Address, networks: Sequence[Network]) -> str:
        table = self._tables.get(version_of(peer), self.table)
        own = ", ".join(f"{one}+" for one in networks if one.version == peer.version)
        where = f"source = RTS_BGP && from = {peer}" + (f" && net !~ [ {own} ]" if own else "")
        return f"{BIRDC} {shlex.quote(f'show route table {_symbol(table)} where {where} all')}"

    def read_leaks(
        self, answers: Mapping[str, Answer], networks: Sequence[Network]
    ) -> dict[Address, tuple[Network, ...]]:
        """Read the answers."""
        found = {}
        for name in answers:
            with legible(name):
                found[ip_address(name.split(" ")[1])] = outside(by_prefix(_routes(answers, name)), networks)
        return found

    def second_questions(self, salt: str, files: ConfigurationFiles) -> dict[str, str]:
        """Its own account, where something is wrong."""
        return second_look.questions(salt, files)

    def second_look(self, answers: Mapping[str, Answer], files: ConfigurationFiles) -> RouterLook:
        """Read it."""
        return second_look.look(answers, files)

    @property
    def _tables(self) -> Mapping[Version, str]:
        """By the family; a table that the owner has made for a VRF holds IPv4."""
        return {IPV4: self.table} if self._in_vrf else DEFAULT_TABLES

    @property
    def _in_vrf(self) -> bool:
        return self.table != DEFAULT_TABLE

    def _kernel_table(self, answers: Mapping[str, Answer]) -> frozenset[str]:
        """What iproute2 calls the kernel's table that BIRD writes this table to: by its number, or by the name that it has for it."""
        main = site.main(self.files)
        try:
            kernels = configuration.kernels(configuration_files.read(_text(answers, "configuration"), main).whole)
        except SyntaxRefused as error:
            raise CommandError(f"BIRD's configuration cannot be read: {error}") from error
        number = next((one.kernel_table for one in kernels if (one.family, one.table) == ("ipv4", self.table)), None)
        if number is None:
            raise CommandError(
                NO_KERNEL_PROTOCOL.format(self.table),
                cure=f"write a kernel protocol for it into {main}, or correct data.peering.vrf",
            )
        return kernel.names_of_table(number, answers["tables"].text)


def _symbol(name: str) -> str:
    """A name as BIRD's parser takes it, whatever signs are in it."""
    return f"'{name}'"


def _routes(answers: Mapping[str, Answer], name: str) -> Iterator[routes.Route]:
    # "Network not found" is an error to the loop over kernel protocols
    text = answers[name].text if name.startswith("exported ") else _text(answers, name)
    try:
        yield from routes.parse(text)
    except routes.UnknownRoute as error:
        raise CommandError(f"BIRD said to the question '{name}': {error}") from error


def _text(answers: Mapping[str, Answer], name: str) -> str:
    """An answer of birdc, which says by its exit code whether it is one."""
    answer = answers[name]
    if answer.code:
        said = (answer.lines or ["nothing"])[-1]
        cure = ""
        if "control socket" in said:
            cure = "systemctl status bird"
        elif "syntax error" in said:
            cure = "BIRD 2.0.9 or newer knows `show route in`"
        raise CommandError(f"BIRD said to the question '{name}': {said}", cure=cure)
    return answer.text
