"""What this server refuses, each as the Status object that Kubernetes' library makes of it."""

from http import HTTPStatus

from cluster_api.objects import Json

_REASONS = {
    HTTPStatus.BAD_REQUEST: "BadRequest",
    HTTPStatus.UNAUTHORIZED: "Unauthorized",
    HTTPStatus.NOT_FOUND: "NotFound",
    HTTPStatus.METHOD_NOT_ALLOWED: "MethodNotAllowed",
    HTTPStatus.NOT_ACCEPTABLE: "NotAcceptable",
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.GONE: "Expired",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "UnsupportedMediaType",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Invalid",
}


class RefusalError(Exception):
    """A request is refused."""

    def __init__(self, code: int, message: str, reason: str = "", details: Json | None = None) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.reason = reason or _REASONS.get(HTTPStatus(code), "")
        self.details = details or {}

    def status(self) -> Json:
        """Write the Status object."""
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        return status | {"reason": self.reason, "details": self.details, "code": int(self.code)}


def absent(resource: str, name: str) -> RefusalError:
    """There is no such object."""
    return RefusalError(HTTPStatus.NOT_FOUND, f'{resource} "{name}" not found')


def exists(resource: str, name: str) -> RefusalError:
    """There is one of this name already."""
    return RefusalError(HTTPStatus.CONFLICT, f'{resource} "{name}" already exists', "AlreadyExists")


def changed(resource: str, name: str) -> RefusalError:
    """Somebody else was faster."""
    words = "the object has been modified; please apply your changes to the latest version and try again"
    return RefusalError(HTTPStatus.CONFLICT, f'Operation cannot be fulfilled on {resource} "{name}": {words}')


def broken_rule(message: str) -> RefusalError:
    """A rule of Calico's or of the definitions behind: the real server has no other code for it than this one."""
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, message)


def untyped(name: str, kind: str, problem: str) -> RefusalError:
    """What is applied does not fit the schema: the library's own error, without a code of its own either."""
    words = f"failed to create typed patch object (/{name}; projectcalico.org/v3, Kind={kind}): {problem}"
    return RefusalError(HTTPStatus.INTERNAL_SERVER_ERROR, words)
