"""Completion in bash for the programs of Kubernetes, read when somebody asks for it and not at each log-in. Pure."""

from collections.abc import Iterator

from kubepeer.intent import Intent
from tasks.linux.observe import Seen
from tasks.linux.state import LinuxChange, file

# bash-completion looks here for a file of the program's name at its first completion (README, "Installation", XDG_DATA_DIRS)
FOLDER = "/usr/local/share/bash-completion/completions"
PROGRAMS = ("kubectl", "kubeadm", "crictl")


def paths(intent: Intent) -> list[str]:
    """The files, where they are wanted."""
    return [f"{FOLDER}/{program}" for program in PROGRAMS] if intent.software.shell_completion else []


def plan(intent: Intent, seen: Seen) -> Iterator[LinuxChange | None]:
    """Each program prints its own completion, in the version that is installed."""
    for path, program in zip(paths(intent), PROGRAMS, strict=False):
        yield file(path, f"# Written by Kubepeer.\nsource <({program} completion bash)\n", seen.files[path])
