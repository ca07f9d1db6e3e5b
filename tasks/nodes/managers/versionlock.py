"""The lists of the plugins versionlock: of dnf a file of NAME-EPOCH:VERSION-RELEASE.*, of yum of EPOCH:NAME-VERSION-RELEASE.*. Pure."""

from collections.abc import Iterable, Mapping

from tasks.nodes.managers.evr import with_epoch

DNF_LIST = "/etc/dnf/plugins/versionlock.list"
YUM_LIST = "/etc/yum/pluginconf.d/versionlock.list"
LISTS = {"dnf": DNF_LIST, "yum": YUM_LIST}


def entry(manager: str, name: str, evr: str) -> str:
    """The line that keeps a package at its version, as `versionlock add` writes it."""
    epoch, _, rest = with_epoch(evr).partition(":")
    return f"{epoch}:{name}-{rest}.*" if manager == "yum" else f"{name}-{epoch}:{rest}.*"


def locked(manager: str, text: str, versions: Mapping[str, str]) -> str:
    """A list in which these packages are kept at their versions, and every other line as it was.

    A line that keeps one of them at another version goes: both together would let either be installed. What only excludes a version (!)
    stays.
    """
    wanted = {name: entry(manager, name, evr) for name, evr in versions.items()}
    kept, there = [], set()
    for line in text.splitlines():
        name = next((name for name in wanted if _is_of(manager, line, name)), None)
        if name is None:
            kept.append(line)
        elif line.strip() == wanted[name] and name not in there:
            kept.append(line)
            there.add(name)
    missing = [line for name, line in wanted.items() if name not in there]
    return "".join(f"{line}\n" for line in (*kept, *missing))


def unlocked(manager: str, text: str, names: Iterable[str]) -> str:
    """A list in which these packages are kept at no version, and every other line as it was."""
    gone = tuple(names)
    kept = (line for line in text.splitlines() if not any(_is_of(manager, line, name) for name in gone))
    return "".join(f"{line}\n" for line in kept)


def _is_of(manager: str, line: str, name: str) -> bool:
    locks = line.strip()
    if manager == "yum":
        epoch, colon, rest = locks.partition(":")
        locks = rest if colon and epoch.isdigit() else locks
    if locks == name:
        return True
    version = locks.removeprefix(f"{name}-")
    return version != locks and (version[:1].isdigit() or version.startswith("*"))
