"""What the API says when it refuses, and whether it may be over in a moment. Pure."""

import json

from kubepeer.errors import CommandError

NOT_FOUND, FORBIDDEN = 404, 403
# A field that a version does not declare: managedfields' own words, with which a server-side apply answers 500. It passes by no waiting.
UNDECLARED = "field not declared in schema"
BROKEN_RULE = ("error with field", "error with the following fields", "is invalid:")  # libcalico-go, lib/errors
TOO_MANY = 429


class ApiRefusal(CommandError):
    """The API answered with an error; `status` is the HTTP code, `said` its own words."""

    def __init__(self, status: int, tried: str, said: str) -> None:
        super().__init__(f"{tried}: {status}: {said}")
        self.status = status
        self.said = said

    @property
    def forbidden(self) -> bool:
        """Whoever asked has no right to; the administrator until kubeadm init has bound his group to its role (from 1.29 on)."""
        return self.status == FORBIDDEN

    @property
    def undeclared(self) -> bool:
        """A field is not in the schema of the version that is served."""
        return UNDECLARED in self.said

    @property
    def passing(self) -> bool:
        """The server's fault, that may be over in a moment.

        Calico's API server tells a rule that is broken as 500, too, in its library's words; and a server that has just learned of a
        definition answers 429 until its storage is ready.
        """
        of_server = self.status >= 500 or self.status == TOO_MANY  # noqa: PLR2004  HTTP: the server's fault
        return of_server and not self.undeclared and not any(words in self.said for words in BROKEN_RULE)


def message_of(text: str) -> str:
    """The cause in an answer that refuses: a Status's message, the failing checks of /readyz, or else its beginning."""
    failing = [line.removeprefix("[-]") for line in text.splitlines() if line.startswith("[-]")]
    if failing:
        return "; ".join(failing)
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:200]
