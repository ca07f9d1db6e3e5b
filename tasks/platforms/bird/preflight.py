"""Reasons not to touch a router with BIRD, each with its cure. Pure; its texts are read by napalm_bird."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, dirname

from napalm_bird import configuration, files, status
from napalm_bird.syntax import SyntaxRefused

from kubepeer.intent import Node, Router
from kubepeer.words import listed
from tasks.linux.observe import Seen
from tasks.platforms.bird import files as site

OLDEST_BIRD = (2, 0, 10)  # `show route in` is there from 2.0.9, exit codes of birdc from 2.0.10 on (BIRD's NEWS)
NEWEST_BIRD = (3,)  # BIRD 4 may say all of it otherwise
NAMED = 3  # protocols that are listed; of more, how many there are
VRF_DEVICE = "its kernel protocol is of VRF {vrf}, a device of Linux: BIRD's sessions there need `vrf`, and Kubepeer does not write it"


@dataclass(frozen=True)
class BirdPreflight:
    """BIRD 2 or 3 with a line in its main file that reads our file, and with ECMP in its kernel protocol.

    Attributes:
        main: the file that it starts with.
        ours: the file that Kubepeer owns.
        vrf: the table that the sessions' routes go to, where that is not BIRD's own.
        families: those of its sessions.

    """

    vrfs_of_linux = False  # a VRF is a table of its own
    main: str = site.MAIN
    ours: str = site.OURS
    vrf: str | None = None
    families: tuple[int, ...] = (4,)

    def of(self, router: Router) -> "BirdPreflight":
        """The same for one router: where its files lie, and which table it peers in."""
        files = router.configuration_files
        return BirdPreflight(
            site.main(files), site.ours(files), router.peering.vrf, tuple(one.version for one in router.addresses)
        )

    @property
    def questions(self) -> Mapping[str, str]:
        """Whether it is there, answers, and what its configuration says."""
        return {
            "birdc": "command -v birdc",
            "status": "birdc -r show status",
            "configuration": files.command(self.main, self.ours),
        }

    def missing(self, peers: Sequence[Node], seen: Seen) -> str:  # noqa: ARG002  of the platform alone
        """Without birdc there is no BIRD, and one that does not answer has no configuration to speak of."""
        if seen["birdc"].code:
            return "birdc is not there: install BIRD (package bird2 or bird3), or correct the router's group in the inventory"
        if seen["status"].code:
            said = (seen["status"].lines or ["nothing"])[-1]
            return (
                f"BIRD does not answer ({said}): systemctl start bird, and see `journalctl -u bird` if it does not stay"
            )
        if seen["configuration"].code:
            said = (seen["configuration"].lines or ["nothing"])[-1]
            return f"BIRD's configuration is not where it is looked for ({said}): say data.configuration_files.main"
        return ""

    def reasons(self, peers: Sequence[Node], seen: Seen) -> Iterator[str]:
        """Its version, the line that reads our file, and the kernel protocol."""
        version = status.read(seen["status"].text).version
        if version < OLDEST_BIRD or version[:1] > NEWEST_BIRD:
            wanted = f"{'.'.join(map(str, OLDEST_BIRD))} or newer" if version < OLDEST_BIRD else "BIRD 2 or 3"
            yield f"it is BIRD {'.'.join(map(str, version))}, and what it says cannot be relied on: install {wanted}"
        found = files.read(seen["configuration"].text, self.main)
        yield from self._spoken_for(found, peers)
        if not found.reads(self.ours):
            yield f"{basename(self.main)} does not read {self.ours}: add the line `{self._include}` at its end"
        try:
            for family in self.families:
                yield from self._merging(found.whole, len(peers), family)
        except SyntaxRefused as error:
            yield f"its configuration cannot be read ({error}): run `birdc configure check` there"

    @property
    def _include(self) -> str:
        """The line that reads our file; the folder of the main file is no folder for a wildcard."""
        folder = dirname(self.ours)
        return f'include "{self.ours if folder == dirname(self.main) else f"{folder}/*.conf"}";'

    def _spoken_for(self, found: files.Files, peers: Sequence[Node]) -> Iterator[str]:
        """The owner's own sessions with nodes: BIRD takes a second protocol with the same neighbour, and one of the two is never up."""
        nodes = {str(address) for node in peers for address in node.addresses}
        try:
            own = [name for name, neighbour in configuration.neighbours(found.whole) if neighbour in nodes]
        except SyntaxRefused:
            return  # what cannot be read is told once, by who needs all of it
        for path, text in found.texts.items():
            here = [
                name for name in own if re.search(rf"^\s*protocol\s+bgp\s+'?{re.escape(name)}'?\s", text, re.MULTILINE)
            ]
            if here:
                yield (
                    f"{path} has sessions with nodes already (protocol {listed(here, NAMED)}), and with those of {self.ours}"
                    f" BIRD would have two with one neighbour: take them out of {path}, run `birdc configure`, and then this again at once"
                )

    def _merging(self, text: str, peers: int, version: int) -> Iterator[str]:
        """Why equal paths would not reach the kernel together: BIRD merges them in the kernel protocol alone, and not unless told."""
        family = f"ipv{version}"
        tables = configuration.tables(text, family)
        table, file = self.vrf or tables[0], basename(self.main)
        if table not in tables:
            yield f"it has no table {table}: write `{family} table {table};` into {file}, or correct data.peering.vrf"
            return
        kernels = [one for one in configuration.kernels(text) if (one.family, one.table) == (family, table)]
        statement = "merge paths on;" if peers <= configuration.MERGED_BY_DEFAULT else f"merge paths on limit {peers};"
        of_table = f" {{ table {table}; export all; }}; kernel table NUMBER;" if self.vrf else " { export all; };"
        merged = max((one.merged for one in kernels if one.exports), default=0)
        if not kernels:
            protocol = f"protocol kernel {{ {family}{of_table} {statement} }}"
            where = f" in table {table}" if self.vrf else ""
            yield f"it has no kernel protocol for IPv{version}{where}, and no route would reach the kernel: add `{protocol}` to {file}"
        elif not any(one.exports for one in kernels):
            yield f"its kernel protocol exports nothing, and no route would reach the kernel: write `export all;` into it in {file}"
        elif not merged:
            yield f"one node would get all the traffic: add `{statement}` to `protocol kernel` in {file}, so that equal paths are merged"
        elif merged < peers:
            yield f"its kernel protocol merges {merged} paths, and {peers} nodes announce the services: write `{statement}` there"
        if devices := {one.vrf for one in kernels if one.vrf}:
            yield VRF_DEVICE.format(vrf=", ".join(sorted(devices)))
