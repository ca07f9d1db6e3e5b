"""Every error that a person sees: which host, what was tried, what was said, and the cure."""

from collections.abc import Mapping, Sequence

from kubepeer.checks import Finding


class KubepeerError(Exception):
    """The root of all errors of Kubepeer.

    Attributes:
        message: what was tried and what came back, in one line.
        host: the host's name in the inventory, or None where the error belongs to the run.
        cure: what the reader can do, or "".
        exit_code: the process's exit code when this error decides it (design: 1 failed, 2 usage, 3 unreachable).
        findings: what a verification says of it for machines.
    """

    exit_code = 1

    def __init__(self, message: str, *, host: str | None = None, cure: str = "") -> None:
        super().__init__(message, host, cure)
        self.message = message
        self.host = host
        self.cure = cure
        self.findings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        where = f"{self.host}: " if self.host else ""
        cure = f" Cure: {self.cure}" if self.cure else ""
        return f"{where}{self.message}{cure}"


class UsageError(KubepeerError):
    """The command line, the configuration or the selection is wrong. Nothing was contacted."""

    exit_code = 2


class InventoryError(UsageError):
    """The inventory contradicts itself or the model. Nothing was contacted."""


class UnreachableError(KubepeerError):
    """A host did not answer, or refused the connection, the key or the login."""

    exit_code = 3


class LoginRefusedError(UnreachableError):
    """A host answered, and took neither the key nor the password."""


class RefusedError(KubepeerError):
    """Preflight found a reason not to begin. Nothing was changed."""


NEW_PLAN = "make a new plan with --plan-out, and have it approved"


class MovedError(RefusedError):
    """A plan that was approved does not hold any more. Nothing was changed on any host.

    Attributes:
        differences: host -> lines; of "" what is of no host.

    """

    def __init__(self, message: str, differences: Mapping[str, Sequence[str]], *, exit_code: int = 1) -> None:
        super().__init__(message, cure=NEW_PLAN)
        self.differences = differences
        self.exit_code = exit_code


class CommandError(KubepeerError):
    """A command on a host, or a call of an API, failed."""
