"""The single values of the inventory: of each what is taken, and in which words another is refused. Pure."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


def _asplain(value: object) -> object:
    """An AS number of either notation (RFC 5396): asplain, or asdot, HIGH.LOW with sixteen bits each.

    YAML reads HIGH.LOW without quotes as a decimal fraction, which has lost the zeros at its end: 1.1 may have been 1.1, 1.10 or 1.1000.
    """
    found = re.fullmatch(r"(\d+)\.(\d+)", str(value)) if isinstance(value, str | float) else None
    if not found:
        return value
    high, low = int(found[1]), int(found[2])
    if high > HALF or low > HALF:
        raise ValueError("an AS number in asdot is HIGH.LOW, each at most 65535 (RFC 5396)")
    if isinstance(value, float) and 0 < low <= HALF // 10:
        raise ValueError("write an AS number in asdot in quotes: YAML drops the zeros at its end")
    return high * (HALF + 1) + low


HALF = (1 << 16) - 1
NOT_SHOWN = "secret"  # the type of an error whose value is not printed
RESERVED_AS = (0, 23456, 65535, 4294967295)  # RFC 7607; AS_TRANS, RFC 6793; the last ones, RFC 7300
LARGEST_AS = 4294967295


def _somebodys(value: int) -> int:
    """An AS that a session may have."""
    if not 0 <= value <= LARGEST_AS or value in RESERVED_AS:
        raise ValueError(
            "an AS number is 1 to 4294967294, without 23456 and 65535, which are reserved (RFC 6793, RFC 7300)"
        )
    return value


AsText = Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")]
AsNumber = Annotated[
    int, BeforeValidator(_asplain, json_schema_input_type=int | float | AsText), AfterValidator(_somebodys)
]
Port = Annotated[int, Field(ge=1, le=65535)]


ESCAPE = re.compile(r"\\(.)")


def _as_ecma(pattern: str) -> str:
    """As a schema's patterns are read (JSON Schema, 6.4: ECMA-262), which has no escape of a sign that means nothing."""
    return ESCAPE.sub(lambda found: found[1] if found[1] in "\"'" else found[0], pattern)


@dataclass(frozen=True)
class written:  # noqa: N801  stands in annotations, as pydantic's own do
    """A text of that pattern; the error names the form instead of the pattern."""

    pattern: str
    form: str

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(self.form)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^(?:{_as_ecma(self.pattern)})$"}


def _community_fits(value: str) -> str:
    parts = value.split(":")
    bits = 16 if len(parts) == 2 else 32  # noqa: PLR2004  RFC 1997; else large, RFC 8092
    if any(int(part) >= 1 << bits for part in parts):
        raise ValueError(f"a part of a community with {len(parts)} parts has {bits} bits")
    return value


COMMUNITY = r"\d+:\d+(:\d+)?"
COMMUNITY_FORM = "a community is AS:NUMBER (RFC 1997) or AS:NUMBER:NUMBER (large, RFC 8092)"
Community = Annotated[
    str,
    written(COMMUNITY, COMMUNITY_FORM),
    AfterValidator(_community_fits),
]


def _written_out(value: str) -> str:
    """Of a name nothing can be said here; what has a colon is a community itself."""
    if ":" in value:
        if not re.fullmatch(COMMUNITY, value):
            raise ValueError(COMMUNITY_FORM)
        _community_fits(value)
    return value


CommunityName = Annotated[str, AfterValidator(_written_out)]
DnsName = Annotated[
    str,
    Field(max_length=253),
    written(
        r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        "a DNS name has small letters, digits, hyphens and dots",
    ),
]
DEFAULT_VRFS = (
    "default",
    "global",
    "master",
    "main",
    "inet",
    "all",
)  # what routers call the table outside all VRFs, or mean by no VRF


def _of_its_own(value: str) -> str:
    if value.lower() in DEFAULT_VRFS:
        raise ValueError("is no VRF's name: leave vrf out for sessions outside all VRFs")
    return value


# The longest that the references of routers without a kernel of Linux allow; abilities.py has the shorter one of those with it
VrfName = Annotated[
    str,
    Field(max_length=32),
    written(r"[A-Za-z_][A-Za-z0-9_.-]*", "a VRF's name has letters, digits, _, . and -, and begins with a letter or _"),
    AfterValidator(_of_its_own),
]
FilePath = Annotated[str, written(r"/[^\s\"'*?\[\]]+[^\s\"'*?\[\]/]", "this is the absolute path of one file")]
VersionNumber = Annotated[str, written(r"\d+\.\d+\.\d+", "a version is MAJOR.MINOR.PATCH")]
UserName = Annotated[
    str,
    written(r"[a-z_][a-z0-9_-]{0,31}", "a user's name has small letters, digits, _ and -, at most 32 (useradd(8))"),
]
