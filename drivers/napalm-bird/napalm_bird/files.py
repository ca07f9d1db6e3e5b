"""The files that BIRD's configuration consists of: the command that prints them, and what it printed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from napalm_bird.configuration import INCLUDE, includes, names

_MARK = "#@ file "
_DEEPEST = 8
"""MAX_INCLUDE_DEPTH of BIRD's conf/conf.h."""
# POSIX sh with sed and busybox's applets. A subshell a file: its folder and its names are its own.
_SHOW = r"""show() (
[ -f "$1" ] && { [ "$1" = "$ours" ] || [ ! "$1" -ef "$ours" ]; } || exit 0
printf '\n%s%s\n' "$mark" "$1"
[ "$1" = "$ours" ] && exit 0
cat "$1"
[ "$2" -lt $deepest ] && cd "$(dirname "$1")" || exit 0
IFS='
'
for each in $(sed -n 's/^[[:blank:]]*include[[:blank:]]*"\([^"]*\)"[[:blank:]]*;.*/\1/p' "$1"); do
    case $each in /*) ;; *) each=$PWD/$each ;; esac
    show "$each" $(($2 + 1))
done
)
"""
_WITHOUT_PASSWORDS = r"""s/password[[:space:]]*\(hex:\)\{0,1\}"[^"]*"/password ""/g"""
_WITHOUT_KEYS = r"""s/secret[[:space:]]*"[^"]*"/secret ""/g"""
_HIDE = f"sed -e '{_WITHOUT_PASSWORDS}' -e '{_WITHOUT_KEYS}'"
HIDE_KEYS = f"sed -e '{_WITHOUT_KEYS}'"
"""The same for somebody who does with the passwords what he must before they leave the machine."""


@dataclass(frozen=True)
class Files:
    """The owner's files by their paths; ``main`` is the one that BIRD starts with."""

    main: str
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        """The configuration as BIRD reads it: what is included stands in the place of its include."""
        return self._inlined(self.main, 0)

    def reads(self, path: str) -> bool:
        """Tell whether BIRD reads a file, one that is there or one that would come: some include means it."""
        return any(names(pattern, path) for file, text in self.texts.items() for pattern in includes(text, file))

    def _inlined(self, file: str, depth: int) -> str:
        if depth > _DEEPEST:
            return ""

        def content(found: re.Match[str]) -> str:
            patterns = includes(found.group(), file)
            meant = sorted(path for path in self.texts if any(names(pattern, path) for pattern in patterns))
            return "\n".join(self._inlined(path, depth + 1) for path in meant)

        return INCLUDE.sub(content, self.texts.get(file, ""))


def command(main: str, ours: str, *, hide: str = _HIDE) -> str:
    """Write the shell command that prints the owner's files, without passwords; of the file that is ours its name."""
    setting = f"mark={shlex.quote(_MARK)}; deepest={_DEEPEST}; ours={shlex.quote(ours)}; main={shlex.quote(main)}"
    refusal = 'if [ ! -r "$main" ]; then echo "$main: cannot be read"; false; else'
    return f'{setting}\n{_SHOW}{refusal} show "$main" 0 | {hide}; fi'


def read(printed: str, main: str) -> Files:
    """Read what the command printed; a file that is included more than once is printed as often, and is one file."""
    before, *parts = f"\n{printed}".split(f"\n{_MARK}")
    texts = {main: before.removeprefix("\n")} if before.strip() else {}
    for part in parts:
        path, _, text = part.partition("\n")
        texts.setdefault(path, text)
    return Files(main, texts)
