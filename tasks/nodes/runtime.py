"""containerd as Kubernetes wants it: its configuration in the version that it reads, its proxies, its mirrors, crictl. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Answer, Seen
from tasks.linux.state import LinuxChange, action, clearing_marker, file, marker_of, unit, unit_says
from tasks.linux.templates import render
from tasks.nodes import archives, proxy, registries, systems
from tasks.nodes.given import Given
from tasks.nodes.packages import RUNTIMES, installed, offered_runtime
from tasks.nodes.repository import Repository, minor_of, upstream

CONTAINERD_FILE, CRICTL_FILE = "/etc/containerd/config.toml", "/etc/crictl.yaml"
ORIGINAL_FILE = f"{CONTAINERD_FILE}.origin"  # the tutorial's name for the package's own
OURS = "# Written by Kubepeer"
SOCKET = "/run/containerd/containerd.sock"
CRICTL = f"runtime-endpoint: unix://{SOCKET}\nimage-endpoint: unix://{SOCKET}\n"
# containerd's RELEASES.md: the newest that each reads; it takes older ones, too, and migrates them at each start
CONFIGURATIONS = (((2, 3), 4), ((2, 0), 3))
OLDEST_CONFIGURATION = 2
RESTART_SECONDS = 120
# A package says its version itself, at a tenth of the cost; a package's containerd is in /usr/bin
QUESTION = """case "$(command -v containerd)" in ''|/usr/bin/*) ;; *) containerd --version 2>/dev/null;; esac; true"""


def questions(intent: Intent) -> dict[str, str]:
    """What is there of archives, and of a containerd that no package brought."""
    return {"other containerd": QUESTION, "archives": archives.question(intent)}


def paths(intent: Intent) -> list[str]:
    """Files that the plan looks at."""
    return [
        CONTAINERD_FILE,
        ORIGINAL_FILE,
        CRICTL_FILE,
        *proxy.PATHS,
        *archives.paths(intent),
        *registries.paths(intent),
    ]


def said_version(answer: Answer) -> str:
    """The --version of one that no package brought: containerd github.com/containerd/containerd v1.7.27 05044ec0a9a7."""
    words = answer.text.split()
    return words[2].removeprefix("v") if answer.text.startswith("containerd ") and len(words) > 2 else ""  # noqa: PLR2004


def version(intent: Intent, seen: Seen, repository: Repository) -> str:
    """The version of the containerd that will run: of the archive, of the package that is there, of any other, of the one to come."""
    archive = intent.software.runtime_archives.containerd
    stands = installed(seen["packages"])
    package = next((upstream(stands[name]) for name in RUNTIMES if name in stands), "")
    return (
        (archive.version if archive else "")
        or package
        or said_version(seen["other containerd"])
        or offered_runtime(systems.read(seen["system"]), repository)
    )


def configuration(intent: Intent, containerd: str) -> str:
    """config.toml in the newest version that this containerd reads: 2, 3 or 4."""
    software, stands = intent.software, minor_of(containerd) or (0, 0)
    newest = next((number for first, number in CONFIGURATIONS if stands >= first), OLDEST_CONFIGURATION)
    return render(
        "nodes/config.toml.j2",
        version=newest,
        pause_image=software.pause_image,
        cgroup_driver=software.cgroup_driver,
        restrict_oom_score=software.restrict_oom_score,
    )


def plan(
    intent: Intent, seen: Seen, given: Given, repository: Repository, state: tuple[str, str]
) -> Iterator[LinuxChange | None]:
    """All of containerd but its package.

    Args:
        intent: what is wanted.
        seen: the answers to questions() and the files of paths().
        given: certificates and logins of mirrors and proxies.
        repository: for the version of a package that is still to come.
        state: of its unit.

    """
    before_restart = [*archives.plan(intent, seen, given), *proxy.plan_containerd(intent, seen, given)]
    stands = seen.files[CONTAINERD_FILE]
    if stands and not stands.content.startswith(OURS) and seen.files[ORIGINAL_FILE] is None:
        yield file(ORIGINAL_FILE, stands.content, None, mode=stands.mode, owner=stands.owner)
    content = configuration(intent, version(intent, seen, repository))
    before_restart.append(file(CONTAINERD_FILE, content, stands, restart_marker=marker_of("containerd")))
    yield from before_restart
    yield from registries.plan(intent, seen, given)
    yield file(CRICTL_FILE, CRICTL, seen.files[CRICTL_FILE])
    if any(before_restart) or "containerd" in seen["restarts"].lines:
        yield _restart()
    yield unit("containerd", *state)


def _restart() -> LinuxChange:
    """With the unit and its drop-ins read anew: which of the files made it pending, the marker does not say."""
    script = clearing_marker("containerd", "systemctl daemon-reload && systemctl restart containerd")
    return action(
        "unit containerd restart", "restarted", script, deadline=RESTART_SECONDS, explanation=unit_says("containerd")
    )
