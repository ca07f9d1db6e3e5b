"""How kubeadm is told to plan an upgrade, and to bring a node to it: the scripts, and what they say. Pure.

Source: Kubernetes, "Upgrading kubeadm clusters"; kubeadm 1.36, cmd/upgrade: apply on the first control plane, node on all others. Both
renew the control plane's certificates.
"""

from collections.abc import Iterable

from kubepeer.intent import Intent, Node
from tasks.control_plane import settings
from tasks.control_plane.kubeadm import KUBEADM_SECONDS, cgroup_v1_allowed, direct
from tasks.linux.state import UNDER_LOCK, Execute, LinuxChange
from tasks.upgrade.seen import UNFINISHED

PLAN_SECONDS = 180  # a job that must run to its end has one minute, and so has the API to list nodes
# Of its lines only the errors are passed on: the checks that failed, and what it says at its end. A version is named, so that nobody in the
# internet is asked for one.
RUN = """{lock}{direct}umask 077; f=$(mktemp /run/kubepeer-kubeadm.XXXXXX); trap 'rm -f "$f"' EXIT
{before}kubeadm upgrade {command} >"$f" 2>&1 </dev/null || {{
    code=$?; said() {{ sed -n '/^error/,$p' "$f" | grep -vE '^ *$|^To see the stack trace'; }}
    {{ grep -F '[ERROR ' "$f" || said || tail -n 2 "$f"; }} | head -n 6 | tr '\\n\\t' '  ' >&2; exit $code
}}
{after}"""
# The mark is on the disk before kubeadm begins: a machine that loses its power in between is found with it.
MARK = f"mkdir -p {settings.FOLDER} && echo {{version}} >{UNFINISHED} && sync {UNFINISHED} || exit\n"
CLEAR = f"rm -f {UNFINISHED} && sync"
# A subshell of its own, so that `set -e` counts in it (it would not on the left of ||), with what it reads.
STEP = """( {script}
) <<'{end}'
{stdin}{end}
code=$?; [ $code = 0 ] || exit $code
"""
END = "end-of-what-a-step-reads"
MANUAL = "MANUAL UPGRADE REQUIRED"  # the last column of its table of configurations


def _flags(intent: Intent, node: Node, given: settings.Given) -> str:
    found = ["--ignore-preflight-errors=SystemVerification"] if cgroup_v1_allowed(intent.software) else []
    if settings.patches(intent, node, given):
        found.append(f"--patches={settings.PATCHES_FOLDER}")
    return "".join(f" {flag}" for flag in found)


def _script(intent: Intent, command: str, *, before: str = "", after: str = "") -> str:
    return RUN.format(lock=UNDER_LOCK, direct=direct(intent), command=command, before=before, after=after)


def planning(intent: Intent) -> str:
    """A script that prints kubeadm's plan, and changes nothing but for a job that kubeadm itself runs to its end."""
    ignored = " --ignore-preflight-errors=SystemVerification" if cgroup_v1_allowed(intent.software) else ""
    return _script(intent, f"plan v{intent.software.kubernetes}{ignored}", after='cat "$f"')


def by_hand(plan: str) -> list[str]:
    """The kinds of configuration that kubeadm's plan says somebody must convert first.

    Args:
        plan: its output; of its tables one has the columns API GROUP, CURRENT VERSION, PREFERRED VERSION, MANUAL UPGRADE REQUIRED.

    """
    _, _, table = plan.partition(MANUAL)
    rows = (line.split() for line in table.splitlines())
    return [row[0] for row in rows if len(row) == 4 and row[-1] == "yes"]  # noqa: PLR2004  the columns


def apply(
    intent: Intent, node: Node, given: settings.Given, *, first: bool, before: str, then: Iterable[Execute] = ()
) -> LinuxChange:
    """Kubeadm upgrade, to its end, on one node, and what must follow it there.

    All of it is one script, which goes on when the controller dies: the next run finds a node that is done, or one that is marked.

    Args:
        intent: with the version.
        node: which.
        given: what the inventory points to.
        first: the whole cluster's configuration goes with it: on the first control plane.
        before: what stands there, in words.
        then: what is done with kubeadm's files before the node counts as done.

    """
    version = intent.software.kubernetes
    command = f"apply v{version} -y" if first else "node"
    following = "".join(STEP.format(script=step.script, stdin=step.stdin or "", end=END) for step in then)
    script = _script(
        intent,
        f"{command}{_flags(intent, node, given)}",
        before=MARK.format(version=version),
        after=f"{following}{CLEAR}",
    )
    title = f"kubeadm upgrade {command.partition(' ')[0]}"
    return LinuxChange(title, before, f"v{version}", steps=(Execute(title, script, KUBEADM_SECONDS),))
