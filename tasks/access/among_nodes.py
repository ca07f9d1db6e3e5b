"""Root's key, known_hosts and ~/.ssh/config on every node for all others, as section 1.3 of the tutorial has them. Pure.

Each node makes a key of its own, which never leaves it; the tutorial has one for all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kubepeer.intent import Node
from tasks.access.account import parsed, with_key
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action, block, file

SECONDS = 30
FOLDER = "/root/.ssh"
AUTHORIZED, CONFIG, KNOWN = f"{FOLDER}/authorized_keys", f"{FOLDER}/config", f"{FOLDER}/known_hosts"
NEW_KEY = f"{FOLDER}/id_ed25519"
PATHS = (AUTHORIZED, CONFIG, KNOWN)
QUESTIONS = {
    # the kinds in the order in which ssh itself tries them; what has no public half beside it is not asked for its own
    "own key": f"""for k in rsa ecdsa ed25519; do
    f={FOLDER}/id_$k; [ ! -e $f ] || [ ! -e $f.pub ] || {{ echo $f; cat $f.pub; break; }}
done; true""",
    "host keys": "cat /etc/ssh/ssh_host_*_key.pub 2>/dev/null; true",
}
MAKE = f"mkdir -p -m 700 {FOLDER}; ssh-keygen -q -t ed25519 -N '' -C {{comment}} -f {NEW_KEY}"


@dataclass(frozen=True)
class Keys:
    """A node's keys: root's own, and those that its sshd shows.

    Attributes:
        identity: the file of root's private key on the node.
        public: the public half, kind and base64; "" while there is none.
        of_host: the same of the machine.

    """

    identity: str
    public: str
    of_host: tuple[str, ...]


def keys(own: Answer, of_host: Answer) -> Keys:
    """Read the answers to QUESTIONS."""
    identity, public = [*own.lines, "", ""][:2]
    shown = tuple(" ".join(line.split()[:2]) for line in of_host.lines if len(line.split()) > 1)
    return Keys(identity or NEW_KEY, " ".join(public.split()[:2]), shown)


def plan_key(node: Node, found: Keys) -> Iterator[LinuxChange]:
    """A key of root's, where there is none."""
    if not found.public:
        script = MAKE.format(comment=f"root@{node.name}")
        yield action(f"{NEW_KEY}", "made by ssh-keygen", script, deadline=SECONDS)


def comment_of(name: str) -> str:
    """What a line of ours in authorized_keys ends with: a node that was built anew loses its old key by it."""
    return f"kubepeer:{name}"


def plan(
    nodes: Mapping[str, Node], ports: Mapping[str, int], known: Mapping[str, Keys], own: Keys, seen: Seen
) -> Iterator[LinuxChange | None]:
    """What a node needs to reach all others.

    Args:
        nodes: all, by name.
        ports: of their sshd.
        known: the keys of those that were looked at; what stands of others stays.
        own: the node's.
        seen: the files of PATHS.

    """
    stands = seen.files[AUTHORIZED]
    text = stands.content if stands else ""
    for name, found in known.items():
        if found.public:
            text = _authorized(text, name, found.public)
    mode = stands.mode if stands else "600"
    yield file(AUTHORIZED, text, stands, mode=mode)
    lines = []
    for name, node in nodes.items():
        lines += [f"Host {name}", f"    HostName {node.address}", "    User root", f"    Port {ports[name]}"]
        lines += [f"    IdentityFile {own.identity}"]
    stands = seen.files[CONFIG]
    yield file(CONFIG, block(stands.content if stands else "", lines, "kubepeer"), stands, mode="600")
    stands = seen.files[KNOWN]
    text = stands.content if stands else ""
    hosts = [line for name, node in nodes.items() for line in _known(text, node, ports[name], known.get(name))]
    yield file(KNOWN, block(text, hosts, "kubepeer"), stands, mode=stands.mode if stands else "600")


def _authorized(text: str, name: str, public: str) -> str:
    kept = [
        line
        for line in text.splitlines()
        if not line.endswith(f" {comment_of(name)}") or parsed(line)[1] == public.split()[1]
    ]
    return with_key("".join(f"{line}\n" for line in kept), f"{public} {comment_of(name)}")


def _known(text: str, node: Node, port: int, found: Keys | None) -> list[str]:
    names = (node.name, str(node.address))
    shown = ",".join(names if port == 22 else (f"[{name}]:{port}" for name in names))  # noqa: PLR2004  sshd(8)
    if found is None:
        return [line for line in text.splitlines() if line.startswith(f"{shown} ")]
    return [f"{shown} {key}" for key in found.of_host]
