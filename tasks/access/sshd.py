"""sshd takes no passwords any more: where that must be said so that it counts, and what stands against it. Pure.

Of each keyword of sshd_config(5) the first value counts, in the order in which the files are read; a Match block overrides it for
whom it matches.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.linux.observe import FileSeen, Seen
from tasks.linux.state import PENDING_RESTARTS, Execute, LinuxChange, Remove, Write, action, clearing_marker, marker_of

MAIN = "/etc/ssh/sshd_config"
FOLDER = "/etc/ssh/sshd_config.d"
DROP_IN = f"{FOLDER}/00-kubepeer.conf"  # before 01-permitrootlogin.conf (RHEL's installer) and 50-cloud-init.conf
PATHS = (MAIN, DROP_IN)
UNIT = "sshd"
BEGIN, END = "# BEGIN kubepeer", "# END kubepeer"
# keyboard-interactive asks for the same password by PAM; before OpenSSH 8.7 it had another name, which is taken still.
SETTINGS = ("PasswordAuthentication", "ChallengeResponseAuthentication")
ALL_NAMES = ("passwordauthentication", "challengeresponseauthentication", "kbdinteractiveauthentication")
EFFECT = ("passwordauthentication", "kbdinteractiveauthentication", "challengeresponseauthentication")
CONTENT = "".join(f"{name} no\n" for name in SETTINGS)
QUESTIONS = {
    "restarts": PENDING_RESTARTS,
    # for nobody in particular, and for whom the runbooks are: a Match may say something else of either
    "sshd": "PATH=$PATH:/usr/sbin:/sbin; sshd -T 2>&1",
    "sshd for the user": "PATH=$PATH:/usr/sbin:/sbin; sshd -T -C user={user},host=localhost,addr=127.0.0.1 2>&1",
    "sshd files": f"""for f in {MAIN} {FOLDER}/*.conf; do
    [ ! -e "$f" ] || grep -inE '^[[:space:]]*(match|include|{"|".join(ALL_NAMES)})' "$f" /dev/null
done; true""",
}
# Written by a rename, judged by sshd itself, asked for its effect and only then reloaded; else what stood before stands again. A unit that
# is not active is started by its socket for each login, and reads the file then.
RELOAD = f"""reload() {{ for u in ssh sshd; do
    if systemctl is-active --quiet $u 2>/dev/null; then systemctl reload $u; return; fi
done; [ ! -e /run/sshd.pid ] || kill -HUP "$(cat /run/sshd.pid)"; }}
{clearing_marker(UNIT, "reload")}"""
APPLY = """set -e; PATH=$PATH:/usr/sbin:/sbin; p={path}; d=${{p%/*}}; mkdir -p -- "$d"; had=
old=$(mktemp "$d/.kubepeer.XXXXXX"); new=$(mktemp "$d/.kubepeer.XXXXXX"); trap 'rm -f -- "$old" "$new"' EXIT
[ ! -e "$p" ] || {{ cp -p -- "$p" "$old"; cp -p -- "$p" "$new"; had=1; }}
cat >"$new"; [ "$(wc -c <"$new")" -eq {size} ]; sync "$new"; touch -- {marker}; mv -f -- "$new" "$p"
back() {{ if [ "$had" ]; then mv -f -- "$old" "$p"; else rm -f -- "$p"; fi; rm -f -- {marker}; echo "$1" >&2; exit 1; }}
[ -d /run/sshd ] || mkdir -p -m 755 /run/sshd
said=$(sshd -t 2>&1) || back "sshd would not take it: $said"
for w in "" "-C user={user},host=localhost,addr=127.0.0.1"; do
    said=$(sshd -T $w | grep -iE '^({names}) yes' || true); [ -z "$said" ] || back "it has no effect: $said"
done
{reload}"""
SECONDS = 60


@dataclass(frozen=True)
class Setting:
    """A line of sshd's files that matters here."""

    file: str
    number: int
    keyword: str
    value: str


def questions(user: str) -> dict[str, str]:
    """Read-only commands whose answers the plan needs."""
    return {name: command.replace("{user}", shlex.quote(user)) for name, command in QUESTIONS.items()}


def settings(lines: list[str]) -> list[Setting]:
    """The lines that matter, in the order of the files; within Match as well as outside."""
    form = re.compile(r"(?P<file>/[^:]+):(?P<number>\d+):\s*(?P<keyword>\w+)(?:\s*=\s*|\s+)(?P<value>.*)")
    return [
        Setting(found["file"], int(found["number"]), found["keyword"].lower(), found["value"].strip())
        for line in lines
        if (found := form.match(line))
    ]


def effective(text: str) -> dict[str, str]:
    """What `sshd -T` prints: keyword -> value."""
    return {key.lower(): value for key, _, value in (line.partition(" ") for line in text.splitlines())}


def takes_passwords(seen: Seen) -> bool:
    """Whether a password is a way in, for anybody or for the login user."""
    said = (effective(seen[name].text) for name in ("sshd", "sshd for the user"))
    return any(one.get(name) == "yes" for one in said for name in EFFECT)


def in_the_way(found: list[Setting]) -> Setting | None:
    """The line of a Match block that lets passwords in: whoever it matches, no line of ours counts for him."""
    inside = ""
    for setting in found:
        if setting.file != inside.partition(":")[0]:
            inside = ""  # the end of a file ends its block
        if setting.keyword == "match":
            inside = f"{setting.file}:"
        elif inside and setting.keyword in ALL_NAMES and setting.value.lower() == "yes":
            return setting
    return None


def place(found: list[Setting]) -> str:
    """The file in which a line of ours is the first of its keyword: the drop-in, or the main file's beginning."""
    main = [setting for setting in found if setting.file == MAIN]
    includes = [setting.number for setting in main if setting.keyword == "include" and FOLDER in setting.value]
    if not includes:
        return MAIN
    before = [one for one in main if one.number < includes[0] and one.keyword in (*ALL_NAMES, "match")]
    sorted_before = [
        one for one in found if one.file.startswith(FOLDER) and one.file < DROP_IN and one.keyword in ALL_NAMES
    ]
    return MAIN if before or sorted_before else DROP_IN


def at_the_beginning(text: str) -> str:
    """A text with our block as its first lines, and nowhere else."""
    without = re.sub(rf"^{BEGIN}\n(?:.*\n)*?{END}\n", "", text, flags=re.MULTILINE)
    return f"{BEGIN}\n{CONTENT}{END}\n{without}"


def plan(seen: Seen, user: str) -> Iterator[LinuxChange]:
    """Passwords are no way in any more; nothing where they are none already."""
    if not takes_passwords(seen):
        if UNIT in seen["restarts"].lines:  # a run was cut off in between
            yield action("sshd", "reloaded", RELOAD, deadline=SECONDS)
        return
    path = place(settings(seen["sshd files"].lines))
    stands = seen.files[path]
    wanted = CONTENT if path == DROP_IN else at_the_beginning(stands.content if stands else "")
    yield LinuxChange(path, stands.content if stands else None, wanted, steps=(_step(path, wanted, user),))


def undo(change: LinuxChange, stands: FileSeen | None) -> LinuxChange:
    """What stood before the change stands again, and counts."""
    path, marker = change.what, marker_of(UNIT)
    back = Remove(path) if stands is None else Write(path, stands.content, stands.mode, stands.owner, marker)
    return LinuxChange(path, change.after, change.before, steps=(back, Execute("reload sshd", RELOAD, SECONDS)))


def _step(path: str, wanted: str, user: str) -> Execute:
    script = APPLY.format(
        path=shlex.quote(path),
        size=len(wanted.encode(errors="surrogateescape")),
        marker=marker_of(UNIT),
        user=shlex.quote(user),
        names="|".join(EFFECT),
        reload=RELOAD,
    )
    return Execute("password log-in", script, SECONDS, stdin=wanted)


def reason_not_to(seen: Seen) -> str:
    """Why sshd is better left alone; "" where nothing stands against it."""
    said = effective(seen["sshd"].text)
    if "passwordauthentication" not in said:
        last = (seen["sshd"].lines or ["it said nothing"])[-1]
        return f"sshd -T does not say how log-in works: {last}"
    if blocking := in_the_way(settings(seen["sshd files"].lines)):
        return f"{blocking.file} line {blocking.number}: a Match block lets passwords in: remove that line"
    methods = said.get("authenticationmethods", "any")
    if takes_passwords(seen) and methods not in ("any", "publickey"):
        return f"sshd asks for more than one proof (AuthenticationMethods {methods}): that is its owner's to change"
    return ""
