"""Which sysctls a node will have after its next boot: files that speak after ours are found, named and outdone. Pure.

systemd-sysctl reads sysctl.d(5) alone, each name once, and sorts the names whatever folder they are in. `sysctl --system` of procps does
the same, and then reads /etc/sysctl.conf, which some systems link into sysctl.d as well: no file of ours comes after it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kubepeer.intent import Node
from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import LinuxChange, Remove, commented, file, impossible

SYSCTL_FILE, SYSCTL_CONF = "/etc/sysctl.d/90-kubepeer.conf", "/etc/sysctl.conf"
LAST_FILE = "/etc/sysctl.d/zz-kubepeer.conf"  # only where somebody else's file speaks after the first
PATHS = (SYSCTL_FILE, SYSCTL_CONF, LAST_FILE)
FORWARD = "net.ipv4.ip_forward"
# kubeadm checks ip_forward only; without the bridge's two, kube-proxy's rules never see a pod's traffic to its own node
SYSCTLS = {
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    FORWARD: "1",
}
NONE: Mapping[str, str] = {}
FOLDERS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")  # of two files of one name the first counts
# ip_forward and conf.all.forwarding are one variable (net/ipv4/devinet.c), and a change of it is one of every interface's own
ALL, DEFAULT, OF_INTERFACE = (f"net.ipv4.conf.{name}.forwarding" for name in ("all", "default", "{}"))
COMMENT, ANY = ("#", ";"), "*?["
WORTH_READING = "forward|bridge-nf-call|accept_ra|[]*?[]"


def live_question(names: Iterable[str]) -> str:
    """What the kernel has now. No program but the shell: the second run is measured."""
    return f"for n in {' '.join(map(_slashed, names))}; do v=; {{ read -r v </proc/sys/$n; }} 2>/dev/null\necho $n=$v; done"


def _slashed(name: str) -> str:
    """A name as a path under /proc/sys: what stands as a slash in it is a dot of an interface's name (sysctl.d(5))."""
    return name.translate(str.maketrans("/.", "./"))


LIVE_QUESTION = live_question(SYSCTLS)
FILES_QUESTION = f"""lib=/lib/sysctl.d; [ ! /lib -ef /usr/lib ] || lib=
set -- /dev/null
for d in {" ".join(f"{folder}/sysctl.d" for folder in FOLDERS[:-1])} $lib; do for f in "$d"/*.conf; do
    [ -e "$f" ] || continue
    if [ "$f" -ef {SYSCTL_CONF} ]; then echo "link $f"; else echo "file $f"; set -- "$@" "$f"; fi
done; done
grep -sHE '^[[:space:]]*[^#;]*({WORTH_READING})' "$@"; true"""


@dataclass(frozen=True)
class Assignment:
    """A line that sets a variable, or all that a pattern matches.

    Attributes:
        path: the file's.
        key: with dots.
        value: "" where the line says that the variable is not to be set.

    """

    path: str
    key: str
    value: str

    def __str__(self) -> str:
        """For a person, behind the file's name."""
        return f"{self.path}: {self.key} {f'= {self.value}' if self.value else 'is not set'}"


def live(seen: Seen) -> Mapping[str, str]:
    """Name -> value, as the kernel has them now."""
    rows = (line.partition("=") for line in seen["sysctls"].lines)
    return {_dotted(name): value for name, _, value in rows}


def plan_files(node: Node, seen: Seen, further: Mapping[str, str] = NONE) -> Iterator[LinuxChange | None]:
    """Our file; and where others would have the last word at a boot, one that sorts after them, which names them.

    A line of /etc/sysctl.conf that contradicts becomes a comment: `sysctl --system` reads it after every file of sysctl.d.

    Args:
        node: which.
        seen: what stands there.
        further: variables of this cluster beyond those that all have.

    """
    ours = {**SYSCTLS, **further}
    yield file(SYSCTL_FILE, _lines(ours), seen.files[SYSCTL_FILE])
    wanted, conf, last = {**_wanted(node), **further}, seen.files[SYSCTL_CONF], seen.files[LAST_FILE]
    kept = _without_contradictions(conf, wanted) if conf else ""
    if conf:
        yield file(SYSCTL_CONF, kept, conf, mode=conf.mode, owner=conf.owner)
    texts = _texts(seen, kept, _lines(ours))
    others = _contradicting(texts, kept, wanted)
    if not others:
        yield LinuxChange(LAST_FILE, last.content, "", steps=(Remove(LAST_FILE),)) if last else None
        return
    names = "".join(dict.fromkeys(f"# {found}\n" for found in others.values()))
    outdone = {key: wanted[key] for key in others}
    text = f"# What would undo {SYSCTL_FILE} at the next boot:\n{names}{_lines(outdone)}"
    yield file(LAST_FILE, text, last)
    for key, found in _contradicting(texts | {LAST_FILE: text}, kept, wanted).items():
        why = f"{found.path} sorts after every file of ours: give it a name before {LAST_FILE}, or take its line out"
        yield impossible(f"sysctl {key} after a boot", f"{found.value} ({found.path})", wanted[key], why)


def _lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in values.items())


def _wanted(node: Node) -> dict[str, str]:
    """Every variable that one of ours depends on, and the value that leaves it right."""
    return SYSCTLS | dict.fromkeys(
        (ALL, DEFAULT, OF_INTERFACE.format(node.interface.replace(".", "/"))), SYSCTLS[FORWARD]
    )


def _contradicting(texts: Mapping[str, str], sysctl_conf: str, wanted: Mapping[str, str]) -> dict[str, Assignment]:
    """Variable -> who sets it otherwise, where a boot or `sysctl --system` would end wrong; empty where neither would.

    Args:
        texts: path -> lines of the files of sysctl.d that count.
        sysctl_conf: the text of /etc/sysctl.conf.
        wanted: variable -> value.

    """
    paths = sorted(texts, key=_name)
    in_folders = [line for path in paths for line in _assignments(path, texts[path])]
    found: dict[str, Assignment] = {}
    for order in (as_systemd(in_folders), [*in_folders, *_assignments(SYSCTL_CONF, sysctl_conf)]):
        if any(wanted[key] != value for key, value in after_boot(order, tuple(wanted)).items()):
            last_words = {key: said for key in wanted if (said := _last_word(order, key))}
            found |= {key: said for key, said in last_words.items() if said.value != wanted[key]}
    return {key: found[key] for key in wanted if key in found}


def as_systemd(lines: Sequence[Assignment]) -> list[Assignment]:
    """The assignments that systemd-sysctl makes, in its order: a key's last, and one that repeats a value stays where it was."""
    options: dict[str, Assignment] = {}
    for line in lines:
        if line.key in options and options[line.key].value == line.value:
            continue
        options.pop(line.key, None)
        options[line.key] = line
    return list(options.values())


def after_boot(order: Sequence[Assignment], keys: Sequence[str]) -> Mapping[str, str]:
    """Variable -> value when all assignments are made, of these keys; a pattern leaves alone what has a line of its own (sysctl.d(5))."""
    of_their_own = {line.key for line in order}
    state = {key: "0" for key in keys if key == FORWARD or key.endswith(".forwarding")}  # as the kernel begins
    forwarding = [key for key in state if key.startswith("net.ipv4.")]
    for line in (line for line in order if line.value):
        for key in keys:
            if key != line.key and (key in of_their_own or not _matches(line, key)):
                continue
            if key in (FORWARD, ALL) and state[key] != line.value:
                state |= dict.fromkeys(forwarding, line.value)
            state[key] = line.value
    return state


def _last_word(order: Sequence[Assignment], key: str) -> Assignment | None:
    own = [line for line in order if line.key == key]
    lines = own or [line for line in order if _matches(line, key)]
    return lines[-1] if lines else None


def _matches(line: Assignment, key: str) -> bool:
    return any(sign in line.key for sign in ANY) and fnmatchcase(key, line.key)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _texts(seen: Seen, sysctl_conf: str, ours: str) -> dict[str, str]:
    """Path -> lines of the files of sysctl.d that count, ours as it will be, and without the one that outdoes the others."""
    listed: dict[str, str] = {}  # by name: the folders are asked in the order in which they count
    texts: dict[str, str] = {}
    for line in seen["sysctl files"].lines:
        kind, _, path = line.partition(" ")
        if kind in ("file", "link"):
            listed.setdefault(_name(path), path)
            texts[path] = sysctl_conf if kind == "link" else ""
            continue
        path, _, text = line.partition(":")
        texts[path] = f"{texts.get(path, '')}{text}\n"
    listed.pop(_name(LAST_FILE), None)
    listed[_name(SYSCTL_FILE)] = SYSCTL_FILE
    return {path: texts.get(path, "") for path in listed.values()} | {SYSCTL_FILE: ours}


def _assignments(path: str, text: str) -> list[Assignment]:
    found = (_assignment(path, line) for line in text.splitlines())
    return [line for line in found if line]


def _assignment(path: str, line: str) -> Assignment | None:
    """KEY = VALUE, with -KEY for one whose failure does not matter; -KEY alone takes it back, from patterns as well."""
    key, sign, value = line.strip().partition("=")
    if line.lstrip().startswith(COMMENT) or not (sign or key.startswith("-")):
        return None
    return Assignment(path, _dotted(key.strip().removeprefix("-")), value.strip())


def _dotted(key: str) -> str:
    """A name with dots; the first of the two separators that stands in it is its separator (sysctl.d(5))."""
    first = next((sign for sign in key if sign in "./"), ".")
    return key if first == "." else key.translate(str.maketrans("/.", "./"))


def _without_contradictions(conf: FileSeen, wanted: Mapping[str, str]) -> str:
    def contradicts(line: str) -> bool:
        said = _assignment(SYSCTL_CONF, line)
        return said is not None and wanted.get(said.key, said.value) != said.value

    return "".join(commented(line) if contradicts(line) else line for line in conf.content.splitlines(keepends=True))
