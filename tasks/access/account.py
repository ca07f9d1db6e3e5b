"""The account that the runbooks log in to: what it has, and the controller's key in its authorized_keys. Pure."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from kubepeer.errors import CommandError
from tasks.linux.observe import Answer
from tasks.linux.state import Execute, LinuxChange, Write

KEY_KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519", "sk-ecdsa-sha2-")
OTHERS_MAY_WRITE = 0o022  # sshd(8), FILES: then sshd takes no key from it (StrictModes)
DEFAULT_FILE = ".ssh/authorized_keys"
# Where sshd looks for a user's keys is its configuration's business (sshd_config(5), AuthorizedKeysFile). A small device has neither
# getent nor stat nor sshd's -T: what is said by default counts there.
QUESTION = """u={user}; PATH=$PATH:/usr/sbin:/sbin
line=$(getent passwd "$u" 2>/dev/null || grep "^$u:" /etc/passwd) || {{ echo "there is no user $u"; exit 3; }}
IFS=: read -r _ _ uid gid _ home shell <<END
$line
END
named=$(sshd -T -C user="$u",host=localhost,addr=127.0.0.1 2>/dev/null | sed -n 's/^authorizedkeysfile //p')
named=${{named%% *}}; [ -n "$named" ] && [ "$named" != none ] || named={default}
named=$(printf '%s' "$named" | sed -e "s|%h|$home|g" -e "s|%u|$u|g" -e "s|%U|$uid|g" -e 's|%%|%|g')
case $named in /*) file=$named;; *) file=$home/$named;; esac
file=$(readlink -f -- "$file" 2>/dev/null || echo "$file"); folder=${{file%/*}}
echo "uid $uid"; echo "gid $gid"; echo "home $home"; echo "shell $shell"; echo "file $file"
[ ! -e /sys/fs/selinux/enforce ] || echo "selinux on"
for place in home "$home" folder "$folder" keys "$file"; do
    case $place in home|folder|keys) what=$place;; *) [ ! -e "$place" ] || echo "mode $what $(about "$place")";; esac
done
[ ! -e "$file" ] || {{ echo "content"; cat -- "$file"; echo x; }}"""


@dataclass(frozen=True)
class Account:
    """An account as it stands on a machine.

    Attributes:
        file: where sshd looks for its keys.
        modes: of home, folder and keys, with their owners, of those that there are.
        content: of the file; None where there is none.
        selinux: whether files have labels that must be right.

    """

    user: str
    uid: str
    gid: str
    home: str
    shell: str
    file: str
    modes: dict[str, tuple[str, str]] = field(default_factory=dict)
    content: str | None = None
    selinux: bool = False

    @property
    def folder(self) -> str:
        """Where the file lies."""
        return self.file.rpartition("/")[0]


def question(user: str) -> str:
    """Asks for an account."""
    return QUESTION.format(user=shlex.quote(user), default=DEFAULT_FILE)


def account(user: str, answer: Answer) -> Account:
    """Read the answer to question().

    Raises:
        CommandError: there is no such user.

    """
    if answer.code:
        raise CommandError(
            f"{(answer.lines or ['it said nothing'])[-1]}", cure="create the user, or name another as username"
        )
    head, found, body = answer.text.partition("\ncontent\n")
    values: dict[str, str] = {}
    modes: dict[str, tuple[str, str]] = {}
    for line in head.splitlines():
        key, _, value = line.partition(" ")
        if key == "mode":
            what, mode, owner = value.split(" ", 2)
            modes[what] = (mode, owner)
        else:
            values[key] = value
    return Account(
        user=user,
        uid=values["uid"],
        gid=values["gid"],
        home=values["home"],
        shell=values["shell"],
        file=values["file"],
        modes=modes,
        content=body.rstrip("\n").removesuffix("x") if found else None,
        selinux=values.get("selinux") == "on",
    )


def plan(account: Account, key: str) -> Iterator[LinuxChange]:
    """The key in authorized_keys, in folders that sshd takes it from; nothing where that is so.

    Args:
        account: as it stands.
        key: the public key, kind and base64 and comment.

    """
    for what, path in (("home", account.home), ("folder", account.folder)):
        if what in account.modes and path.startswith(account.home):
            yield from _closed(account, what, path)
    wanted = with_key(account.content or "", key)
    mode, owner = account.modes.get("keys", ("600", ""))
    if int(mode, 8) & OTHERS_MAY_WRITE or not _trusted(account, owner):
        mode = "600"
    steps: list[Execute | Write] = []
    if "folder" not in account.modes:
        folder = shlex.quote(account.folder)
        own = f"mkdir -p -m 700 -- {folder} && chown {account.uid}:{account.gid} {folder}"
        steps.append(Execute("the folder of the keys", own))
    ids = f"{account.uid}:{account.gid}"
    steps.append(Write(account.file, wanted, mode, ids))
    if account.selinux:
        steps.append(
            Execute("the labels of SELinux", f"PATH=$PATH:/usr/sbin:/sbin restorecon -R {shlex.quote(account.folder)}")
        )
    if wanted != (account.content or ""):
        yield LinuxChange(account.file, account.content, wanted, steps=tuple(steps))
    elif (mode, True) != (account.modes["keys"][0], _trusted(account, owner)):
        stands = " ".join(account.modes["keys"])
        yield LinuxChange(account.file, f"mode {stands}", f"mode {mode} {account.user}", steps=tuple(steps))


def _trusted(account: Account, owner: str) -> bool:
    return owner.partition(":")[0] in ("", account.user, "root")


def _closed(account: Account, what: str, path: str) -> Iterator[LinuxChange]:
    """A folder on the way that others may write to: sshd would take no key from it."""
    mode, owner = account.modes[what]
    if not int(mode, 8) & OTHERS_MAY_WRITE and _trusted(account, owner):
        return
    closed = f"{int(mode, 8) & ~OTHERS_MAY_WRITE:o}"
    script = f"chmod go-w -- {shlex.quote(path)} && chown {account.uid}:{account.gid} {shlex.quote(path)}"
    yield LinuxChange(
        path,
        f"mode {mode} owner {owner}",
        f"mode {closed} owner {account.user}",
        steps=(Execute(f"close {path}", script),),
    )


def with_key(content: str, key: str) -> str:
    """A text of authorized_keys(5) with a key in it; the same text where it stands there.

    A line of this key with a forced command, as cloud-init writes for root, would win over one behind it: it is replaced.
    """
    blob = key.split()[1]
    lines, there = [], False
    for line in content.splitlines():
        options, of_line = parsed(line)
        if of_line == blob and "command=" in options:
            lines.append(line if there else key)
            there = True
            continue
        there = there or of_line == blob
        lines.append(line)
    if not there:
        lines.append(key)
    text = "\n".join(lines) + "\n"
    return content if text.rstrip("\n") == content.rstrip("\n") else text


def parsed(line: str) -> tuple[str, str]:
    """The options and the base64 of a line; a comment has neither. Options may hold spaces between quotation marks."""
    line = line.strip()
    if not line or line.startswith("#"):
        return "", ""
    words = _words(line)
    for at, word in enumerate(words[:-1]):
        if word.startswith(KEY_KINDS):
            return " ".join(words[:at]), words[at + 1]
    return "", ""


def _words(line: str) -> list[str]:
    words, word, quoted, escaped = [], "", False, False
    for sign in line:
        if sign == '"' and not escaped:
            quoted = not quoted
        escaped = sign == "\\" and not escaped
        if sign in " \t" and not quoted:
            words.append(word)
            word = ""
        else:
            word += sign
    return [one for one in [*words, word] if one]
