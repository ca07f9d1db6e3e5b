"""What BIRD is told: one file that its configuration includes, ours as a whole. Pure."""

import re
from collections.abc import Mapping

from kubepeer.intent import Intent, Router
from kubepeer.intent.families import Address
from tasks.linux.observe import Seen
from tasks.linux.state import Execute, LinuxChange
from tasks.platforms.bird import files
from tasks.platforms.ownership import Claim, refuse_other_claims
from tasks.platforms.sides import sides

LONGEST_NAME = 64  # SYM_MAX_LEN of BIRD's conf/conf.h
# A main file that names ours itself, and by no wildcard, does not do without it: then it stays, empty as its owner has made it.
LEFT_FILE = """[ ! -e {ours} ] || grep -qs '^[[:blank:]]*include[[:blank:]]*"{ours}"' {main} || echo {ours}"""
# BIRD's own parser has the last word; what is in force is the same, and nothing is read anew.
TAKE_FILE = """[ -e {ours} ] || exit 0
[ ! -s {ours} ] || {{ echo "{ours} is not empty" >&2; exit 1; }}
mv -f {ours} {hidden}
case $(birdc configure check) in *'Configuration OK'*) rm -f {hidden};; *) mv -f {hidden} {ours};; esac"""


class Bird:
    """BIRD 2 and 3: the driver replaces the file, so its diff is empty where nothing changes."""

    name = "BIRD"
    template = "routers/bird/bgp.conf.j2"
    on_linux = True
    takes_message = True
    driven = True
    reverts = True
    whole = True
    hides_passwords = False
    unusable = '"'

    def values(self, intent: Intent, router: Router, running: str) -> Mapping[str, object]:  # noqa: ARG002  nothing of it is process-wide
        """The protocols' names: a node's, in the signs that BIRD has for a name; its address where that is too long or taken."""
        names: dict[Address, str] = {}
        for side in sides(intent, router):
            for node in side.neighbours:
                name = _name(node.name, side.group)
                if len(name) > LONGEST_NAME or name in names.values():
                    name = _name(str(node.address), side.group)
                names[node.address] = name
        return {"protocol_names": names}

    def candidate(self, intent: Intent, router: Router, rendered: str, running: str) -> str:
        """The file.

        Raises:
            RefusedError: the file that stands is another inventory's.

        """
        found = re.match(r"# Kubepeer's: the (nodes of \S+)\. ", running)
        refuse_other_claims(intent, router, [Claim(router.peering.vrf, found[1])] if found else [])
        return rendered

    def owned(self, intent: Intent, router: Router, configuration: str) -> str:  # noqa: ARG002  ours as a whole
        """The file."""
        return configuration

    def file_question(self, router: Router) -> str:
        """A command that prints the path of our file where it is there, and bird.conf does without it."""
        own = router.configuration_files
        return LEFT_FILE.format(ours=files.ours(own), main=files.main(own))

    def file_gone(self, router: Router, seen: Seen, question: str) -> LinuxChange | None:
        """The empty file goes."""
        if not seen[question].lines:
            return None
        path = files.ours(router.configuration_files)
        folder, _, name = path.rpartition("/")
        script = TAKE_FILE.format(ours=path, hidden=f"{folder}/.{name}.gone")
        return LinuxChange(path, "empty", None, steps=(Execute(f"{path} goes", script),))

    def may_go_down(self, intent: Intent, router: Router, running: str, diff: str) -> set[str]:  # noqa: ARG002  the diff is of our file alone
        """Nodes that are no neighbours any more or came into another AS; all, where the other ends must change as well, or the table."""
        changed = set(re.findall(r"^-\s*neighbor (\S+) as \d+;$", diff, re.MULTILINE))
        if re.search(r"^[-+]\s*(?:password|ttl security|multihop|table) ", diff, re.MULTILINE):
            changed |= intent.addresses_of_peers(router)
        return changed


def _name(text: str, group: str) -> str:
    return f"{group.lower()}_{re.sub('[^a-z0-9]', '_', text)}"
