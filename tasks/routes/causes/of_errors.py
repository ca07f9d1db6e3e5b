"""Why nothing could be verified at all: the router, its daemon, or the cluster's API does not answer. Pure."""

from kubepeer.checks import Evidence, Finding
from kubepeer.errors import CommandError, KubepeerError, LoginRefusedError, UnreachableError
from tasks.routes.causes.cause import Cause, Explanation

UNREAD = "unread"  # the check of a finding that tells why a router's checks could not be made


class RouterUnreachable(Cause):
    """The router does not answer this controller: nothing of it can be verified.

    Looks at   the connection to the router.
    Proved by  what became of it: no answer, another host key, a login that is refused.
    Cure       its power, its link, the way to it; the key or the password where it did answer.
    """

    cure = "is {router} up, and is this the right network?"

    def explain(self, host: str, error: KubepeerError) -> Explanation | None:
        """The connection's own error."""
        if not isinstance(error, UnreachableError) or error.host != host:
            return None
        says = f"{host} refuses the login" if isinstance(error, LoginRefusedError) else f"{host} does not answer"
        return self.proved(says, Evidence(host, "ssh", error.message), router=host)


class RouterDaemonDown(Cause):
    """The router answers, and its routing daemon does not.

    Looks at   the router's answers to the show commands.
    Proved by  its shell's own words: the daemon does not run, or its socket is not there.
    Cure       the daemon's unit.
    """

    cure = "on {router}: {unit}"

    def explain(self, host: str, error: KubepeerError) -> Explanation | None:
        """The shell's words."""
        if not isinstance(error, CommandError) or "systemctl status" not in error.cure:
            return None
        says = f"the routing daemon of {host} does not answer"
        return self.proved(says, Evidence(host, "show commands", error.message), router=host, unit=error.cure)


class ApiDown(Cause):
    """The cluster's API does not answer, or is not ready: what the cluster should announce cannot be known.

    Looks at   the API's address, /readyz.
    Proved by  what became of the connection, or the checks that the API itself calls failed.
    Cure       the control planes: crictl ps -a (kube-apiserver, etcd, haproxy, keepalived).
    """

    cure = "on the control planes: crictl ps -a (kube-apiserver, etcd, and who holds the endpoint's address)"

    def explain(self, host: str, error: KubepeerError) -> Explanation | None:
        """The endpoint's own error."""
        if not isinstance(error, UnreachableError) or error.host == host:
            return None
        return self.proved("the cluster's API does not answer", Evidence("api", "GET /readyz", error.message))


OF_ERRORS = (RouterUnreachable(), RouterDaemonDown(), ApiDown())


def finding_of(host: str, error: KubepeerError) -> Finding:
    """That a router could not be verified, with its cause where one is proved.

    Args:
        host: the router.
        error: why; its host is not yet filled in where it is that of nobody.

    """
    found = next((one for cause in OF_ERRORS if (one := cause.explain(host, error))), None)
    finding = Finding(host, UNREAD, host, "api", ok=False, reason=error.message)
    if found is None:
        return finding
    return Finding(
        host, UNREAD, host, "api", ok=False, reason=f"{found.says}: {error.message}",
        cause=found.cause, evidence=found.evidence, cure=found.cure,
    )  # fmt: skip
