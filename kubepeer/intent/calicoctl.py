"""calicoctl on the control planes: the section `software.calicoctl`, and which version it may have."""

from collections.abc import Iterator

from kubepeer.intent.runtime import Archive


class Calicoctl(Archive):
    """The program as its project publishes it: one file, no archive.

    Attributes:
        kubectl_plugin: it is also `kubectl calico`.

    """

    kubectl_plugin: bool = False


def mismatch(calicoctl: Calicoctl | None, calico: str) -> Iterator[tuple[str, str]]:
    """Why it would not work, and the cure: it compares its version with the cluster's (calicoctl, "--allow-version-mismatch")."""
    if calicoctl is not None and calicoctl.version != calico:
        yield (
            f"calicoctl {calicoctl.version} refuses to work with another Calico than its own, software.calico is {calico}",
            f"calicoctl of {calico}, with its sha256",
        )
