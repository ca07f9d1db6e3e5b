"""The REST API of a source of truth: lists, page by page. It reads, and never writes.

pynetbox and pynautobot would do it, too. The first wants a newer Python than Kubepeer, both follow the address of the next page wherever
it leads, with the token, and have no timeout; below them is requests, which takes a login of ~/.netrc in the place of the token. What is
needed of them is a loop around GET.
"""

import json
import re
import ssl
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import urllib3

from kubepeer.errors import InventoryError, LoginRefusedError, UnreachableError, UsageError
from kubepeer.sources.answers import NO_HOST, Thing, shown
from kubepeer.sources.options import SourceOptions

PAGE = 250  # devices with their config contexts take a server some seconds; at most MAX_PAGE_SIZE, 1,000 by default
AT_ONCE = 50  # ids in one address: servers take 4 to 8 KB of it
CONNECT_SECONDS = 5
LARGEST = 256 * 1024 * 1024  # bytes of one answer
PASSING = (502, 503, 504)  # what a proxy says while the application restarts
OF_LIBRARIES = re.compile(r"\[SSL(: \w+)?\] |\(_ssl\.c:\d+\)")
Parameters = Mapping[str, Any]


class Rest:
    """A connection to one API."""

    def __init__(self, source: str, options: SourceOptions, folder: Path, authorization: str, oldest: str) -> None:
        """Open nothing yet.

        Args:
            source: whose API it is, for a person.
            options: where it is, what vouches for it, how long it may take.
            folder: of config.yaml.
            authorization: the header of that name.
            oldest: the oldest version of the API that is understood.

        Raises:
            UsageError: ca_file cannot be read.

        """
        seconds = options.timeout_seconds
        ca_file = folder / Path(options.ca_file).expanduser() if options.ca_file else None
        self._source, self._url, self._seconds, self._oldest = source, options.url, seconds, oldest
        self._headers = {"Accept": "application/json", "Authorization": authorization}
        try:
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except (OSError, ssl.SSLError) as error:
            said = error.strerror or "no certificates in it"
            raise UsageError(f"inventory.options.ca_file: {ca_file}: {said}. {NO_HOST}") from error
        retries = urllib3.Retry(
            total=None, connect=1, read=0, redirect=0, other=0, status=2, status_forcelist=PASSING,
            backoff_factor=0.5, raise_on_status=False, raise_on_redirect=False, respect_retry_after_header=False,
        )  # fmt: skip
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
        self._pool = urllib3.PoolManager(retries=retries, timeout=timeout, ssl_context=context)

    def every(self, path: str, parameters: Parameters) -> list[Thing]:
        """All objects of a list. The next page is asked for at the address that is known, not at the one that the answer names.

        Raises:
            UnreachableError: nobody answers, or not in time.
            LoginRefusedError: the token is refused.
            UsageError: what answers is no such API, an older one, or refuses a parameter.
            InventoryError: the list was changed between two pages.

        """
        found: dict[Any, Thing] = {}
        count = None
        while True:
            page = self._page(path, {**parameters, "limit": PAGE, "offset": len(found)})
            awaited = len(found) + len(page["results"])
            found |= {thing["id"]: thing for thing in page["results"]}
            if len(found) != awaited or page["count"] != (page["count"] if count is None else count):
                break
            count = page["count"]
            if len(found) == count:
                return list(found.values())
            if not page["results"]:
                break
        raise InventoryError(
            f"{self._source} {self._url}: {path} was changed while it was read. {NO_HOST}",
            cure="run it again",
        )

    def each(self, path: str, key: str, values: Sequence[Any], parameters: Parameters) -> list[Thing]:
        """The objects of a list that have one of these values."""
        found: list[Thing] = []
        for first in range(0, len(values), AT_ONCE):
            found += self.every(path, {**parameters, key: list(values[first : first + AT_ONCE])})
        return found

    def places(self, path: str, devices: Iterable[Thing], of: str, parameters: Parameters) -> list[Thing]:
        """The places that devices stand in: what each says under `of` (site, location, rack), whole."""
        holders = {place["id"] for device in devices if (place := device.get(of))}
        return self.each(path, "id", sorted(holders), parameters)

    def _page(self, path: str, parameters: Parameters) -> dict[str, Any]:
        target = f"{self._url}/api/{path}/?{urllib.parse.urlencode(_words(parameters), doseq=True)}"
        try:
            response = self._pool.request("GET", target, headers=self._headers, preload_content=False)
            text = response.read(LARGEST)  # of a longer one the end is missing, and it is no JSON
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise self._no_answer(error) from error
        self._judge(response, text, path)
        try:
            page = json.loads(text)
            complete = {key: page[key] for key in ("count", "results")}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._no_api(f"{path} is no list in JSON") from None
        if not isinstance(complete["results"], list) or not all(map(_is_object, complete["results"])):
            raise self._no_api(f"{path} is no list of objects")
        return complete

    def _no_answer(self, error: urllib3.exceptions.HTTPError) -> UnreachableError:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, urllib3.exceptions.SSLError):
            cure = "inventory.options.ca_file names the certificates that it is checked against"
            return UnreachableError(f"{self._source} {self._url}: {_plain(reason)}. {NO_HOST}", cure=cure)
        if isinstance(reason, urllib3.exceptions.ReadTimeoutError):
            said = f"does not answer within {self._seconds:g} s"
            cure = "look whether it is well; inventory.options.timeout_seconds allows more"
            return UnreachableError(f"{self._source} {self._url}: {said}. {NO_HOST}", cure=cure)
        cure = "inventory.options.url says where it is"
        return UnreachableError(f"{self._source} {self._url} does not answer: {_plain(reason)}. {NO_HOST}", cure=cure)

    def _judge(self, response: urllib3.BaseHTTPResponse, text: bytes, path: str) -> None:
        status = response.status
        if status in (401, 403):
            cure = f"inventory.options.token names a token that is valid, and may view {path}"
            said = f"refuses the token for {path} (HTTP {status}{_detail(text)})"
            raise LoginRefusedError(f"{self._source} {self._url} {said}. {NO_HOST}", cure=cure)
        if 300 <= status < 400:  # noqa: PLR2004  HTTP: redirections
            where = urllib.parse.urlsplit(response.headers.get("Location", ""))
            said = f"leads to {shown(where.scheme)}://{shown(where.hostname)}; the token is not taken there"
            raise UsageError(f"{self._source} {self._url} {said}. {NO_HOST}", cure="correct inventory.options.url")
        if status == 400:  # noqa: PLR2004  HTTP: bad request
            said = f"does not take the parameters of {path}{_detail(text)}"
            cure = "correct inventory.options.filter_parameters, prefix_parameters or map"
            raise UsageError(f"{self._source} {self._url} {said}. {NO_HOST}", cure=cure)
        if status == 404:  # noqa: PLR2004  HTTP: not found
            raise self._no_api(f"there is no /api/{path}/")
        if status != 200:  # noqa: PLR2004  HTTP: OK
            raise UnreachableError(
                f"{self._source} {self._url} is not well: HTTP {status} for {path}{_detail(text)}. {NO_HOST}",
                cure="look at its own log",
            )
        answered = response.headers.get("API-Version", "")
        if answered and _number(answered) < _number(self._oldest):
            said = f"is {shown(answered)}; {self._oldest} or newer is understood"
            raise UsageError(f"{self._source} {self._url} {said}. {NO_HOST}", cure=f"update {self._source}")

    def _no_api(self, said: str) -> UsageError:
        return UsageError(
            f"{self._source} {self._url}: {said}: no {self._source} answers there. {NO_HOST}",
            cure="correct inventory.options.url",
        )


def _is_object(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("id"), int | str)


def _words(parameters: Parameters) -> dict[str, Any]:
    """As an address has them: true and false in small letters."""

    def word(value: Any) -> Any:
        return str(value).lower() if isinstance(value, bool) else value

    return {
        key: [word(one) for one in value] if isinstance(value, list) else word(value)
        for key, value in parameters.items()
    }


def _detail(text: bytes) -> str:
    """What the API says of its refusal, in one line."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    detail = said.get("detail") or "; ".join(f"{key}: {_first(value)}" for key, value in said.items())
    return f": {shown(' '.join(str(detail).split())[:200]).rstrip('.')}" if detail else ""


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _plain(reason: object) -> str:
    """The last words, without what the libraries say of themselves."""
    said = OF_LIBRARIES.sub("", " ".join(str(reason).split()))
    return said.rpartition(": ")[2].strip() or said


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
