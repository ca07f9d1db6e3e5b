"""No swap, now and after the next boot, whoever would bring it back: fstab, a unit, a generator of systemd, a service. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, action, commented, file

FSTAB = "/etc/fstab"
TARGET = "swap.target"  # what a boot starts, and with it every swap that is not of a service (systemd.special(7))
# zram-tools of Debian, Ubuntu's zram-config, dphys-swapfile of the Raspberry Pi: they call swapon themselves
SERVICES = ("zramswap", "zram-config", "dphys-swapfile")
GPT_SWAP = "0657fd6d-a4ab-43c4-84e5-0933c83b4f4f"  # the type of a partition (Discoverable Partitions Specification)
OFF_SECONDS = 300  # what is swapped out comes back first

# No program but one grep, and that only where udev runs. What a boot would start is linked into a target's .wants or .requires; a unit of
# fstab's is left to the line there. systemd-gpt-auto-generator takes a GPT partition of type swap only where fstab names no swap: the
# line that we take away there is what lets it come.
QUESTION = f"""u=/etc/systemd/system
empty() {{ [ -e "$1" ] && [ ! -s "$1" ]; }}
of_fstab() {{ while read -r l || [ -n "$l" ]; do [ "$l" != SourcePath={FSTAB} ] || return 0; done <"$1"; return 1; }}
! empty $u/{TARGET} || echo masked
for f in $u/*.wants/*.swap $u/*.requires/*.swap /run/systemd/*/*.wants/*.swap /run/systemd/*/*.requires/*.swap \\
    /usr/local/lib/systemd/system/*.wants/*.swap /usr/lib/systemd/system/*.wants/*.swap; do
    if [ ! -s "$f" ] || empty "$u/${{f##*/}}" || of_fstab "$f"; then continue; fi
    case $f in
    */{TARGET}.*) echo "maker unit ${{f##*/}}";;
    *) echo "unit ${{f##*/}}";;
    esac
done
generator() {{ [ -x /usr/lib/systemd/system-generators/$1 ] && ! empty /etc/systemd/system-generators/$1; }}
if generator zram-generator; then
    for d in /etc /run /usr/local/lib /usr/lib; do
        [ -e $d/systemd/zram-generator.conf ] || continue
        [ ! -s $d/systemd/zram-generator.conf ] || echo "maker zram-generator ($d/systemd/zram-generator.conf)"
        break
    done
    for d in /etc /run /usr/local/lib /usr/lib; do for f in $d/systemd/zram-generator.conf.d/*.conf; do
        [ ! -s "$f" ] || echo "maker zram-generator ($f)"
    done; done
fi
set -- /run/udev/data/b*
if [ -e "$1" ] && generator systemd-gpt-auto-generator; then
    for d in $(grep -lsi 'ID_PART_ENTRY_TYPE={GPT_SWAP}' "$@"); do echo "maker GPT partition of type swap (block device ${{d##*/b}})"; done
fi
for s in {" ".join(SERVICES)}; do for f in $u/*.wants/$s.service; do [ ! -e "$f" ] || echo "service $s"; done; done; true"""


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """No swap: not at the next boot, and not now."""
    stands = seen.files[FSTAB]
    if stands:
        lines = [_without_swap(line) for line in stands.content.splitlines(keepends=True)]
        yield file(FSTAB, "".join(lines), stands, mode=stands.mode, owner=stands.owner)
    if not intent.software.fail_swap_on:
        return
    said = [line.partition(" ")[::2] for line in seen["swap units"].lines]
    makers = [text for kind, text in said if kind == "maker"]
    if makers and ("masked", "") not in said:
        yield action(f"unit {TARGET}", "masked", f"systemctl mask {TARGET}", before="\n".join(["starts:", *makers]))
    for kind, name in said:
        if kind == "unit":
            yield action(f"unit {name}", "disabled", f"systemctl disable '{name}'", before="enabled")
        elif kind == "service":
            script = f"systemctl disable --now {name}"
            yield action(f"unit {name}", "disabled, inactive", script, before="enabled", deadline=OFF_SECONDS)
    if seen["swaps"].lines:
        yield action("swap", "off", "swapoff -a", before="\n".join(seen["swaps"].lines), deadline=OFF_SECONDS)


def _without_swap(line: str) -> str:
    fields = line.split()
    is_swap = len(fields) > 2 and fields[2] == "swap" and not line.lstrip().startswith("#")  # noqa: PLR2004  fstab(5): third field
    return commented(line) if is_swap else line
