"""The systemd units of a node: one question for all, and what the answer says of each. Pure."""

from collections.abc import Sequence

from tasks.linux.observe import Seen

NOT_INSTALLED = "not installed"


def question(names: Sequence[str]) -> str:
    """All of them at once: each systemctl is a process and a conversation with systemd."""
    return f"systemctl show -p ActiveState -p UnitFileState {' '.join(names)} 2>/dev/null; true"


def states(seen: Seen, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Unit -> its active state and its file's; systemctl show gives a block for each unit asked for, there or not, in their order."""
    blocks = [
        dict(line.partition("=")[::2] for line in block.splitlines()) for block in seen["units"].text.split("\n\n")
    ]
    blocks += [{}] * (len(names) - len(blocks))
    return {
        name: (block.get("ActiveState", "inactive"), block.get("UnitFileState") or NOT_INSTALLED)
        for name, block in zip(names, blocks, strict=False)
    }
