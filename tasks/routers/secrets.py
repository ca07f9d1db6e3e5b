"""Secrets in the configurations of routers, hidden before a person or a file sees them. Pure."""

import re

HIDDEN = "********"
# The words before a secret, in what routers print: one list, since a diff shows what is the owner's as well.
BEFORE = (
    "password",
    "secret",
    "pre-shared-key",
    "authentication-key",
    "key-string",
    "authentication string",
    "nhrp authentication",
    "tcp-md5-auth",
    r"auth (?:md5|sha\S*)",
    r"priv \S+",
    "md5",
    "snmp-server community",
    r"snmp-server host .* version (?:1|2c)",
    "snmp community",
    r"key(?= [\"'78$])",
)
# A secret that a router has encrypted is hidden as well: most of these forms can be reversed. All that stands behind the words goes.
SECRET = re.compile(rf"(\b(?:{'|'.join(BEFORE)})(?![-\w])\s+).*", re.IGNORECASE)


def hide(text: str) -> str:
    """The same configuration, or diff of one, with asterisks in the place of every secret."""
    return "\n".join(SECRET.sub(rf"\1{HIDDEN}", line) for line in text.split("\n"))
