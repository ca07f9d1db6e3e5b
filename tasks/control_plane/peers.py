"""Etcd's members, as the other control planes tell them: who may join depends on who is there."""

from collections.abc import Collection

from kubepeer.errors import CommandError, KubepeerError
from kubepeer.intent import Node
from kubepeer.run import Run
from tasks.cluster.api import KubernetesApi
from tasks.control_plane import etcd
from tasks.control_plane.membership import CA_CERTIFICATE
from tasks.linux.observe import ask
from tasks.linux.shell import SshShell, open_shell
from tasks.linux.state import LinuxChange


class Peers:
    """Etcd's members as another control plane tells them; asked the first time that they are needed."""

    def __init__(self, run: Run, node: Node, api: KubernetesApi, registered: Collection[str]) -> None:
        self._run, self._node, self._api, self._registered = run, node, api, registered
        self._asked: tuple[SshShell, tuple[etcd.Member, ...], int | None] | None = None

    @property
    def members(self) -> tuple[etcd.Member, ...]:
        """The members that etcd has."""
        self._asked = self._asked or self._ask()
        return self._asked[1]

    @property
    def shell(self) -> SshShell:
        """The shell of the control plane that told them."""
        self._asked = self._asked or self._ask()
        return self._asked[0]

    @property
    def cluster(self) -> int | None:
        """The number that etcd knows its cluster by."""
        self._asked = self._asked or self._ask()
        return self._asked[2]

    def departures(self) -> tuple[LinuxChange, ...]:
        """The members that must go before this node can join."""
        removals = etcd.to_remove(self._run.intent, self._node, self.members, self._registered)
        return tuple(etcd.removing(removals))

    def _ask(self) -> tuple[SshShell, tuple[etcd.Member, ...], int | None]:
        """The first control plane of this cluster whose etcd answers; the node itself last of all.

        Those that a filter has left out are asked as well: whoever joins depends on them.
        """
        said = []
        order = sorted(
            self._run.intent.control_planes,
            key=lambda one: (one == self._node, one.full_name not in self._registered),
        )
        for other in order:
            try:
                shell = open_shell(self._run.nornir, other.name)
                seen = ask(shell, etcd.QUESTIONS, (CA_CERTIFICATE,), deadline=etcd.SECONDS)
                ca = seen.files[CA_CERTIFICATE]
                if ca and ca.content.strip() == self._api.ca.strip():
                    return shell, etcd.members(seen), etcd.cluster_of(seen)
            except KubepeerError as error:
                said.append(f"{other.name}: {error.message}")
        raise CommandError(
            f"etcd's members cannot be asked: {'; '.join(said) or 'no control plane holds the CA of this cluster'}",
            host=self._node.name,
            cure="bring the etcd of the other control planes back (crictl ps -a | grep etcd, and its log)",
        )
