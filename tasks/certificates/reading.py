"""What a node has said of its certificates. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kubepeer.errors import CommandError
from kubepeer.memory import Memory
from tasks.certificates.kinds import KUBELET_SELF_SIGNED, KUBELET_SERVING
from tasks.certificates.pem import Certificate, certificate, is_signed_by, parsed
from tasks.control_plane.kubeconfigs import ADMIN_CONF
from tasks.control_plane.membership import CA_CERTIFICATE, KUBELET_CONF
from tasks.linux.observe import Answer, Seen


@dataclass(frozen=True)
class NodeCertificates:
    """What a node says.

    Attributes:
        certificates: all that could be read.
        written: path -> when the file was written, in seconds since the epoch.
        unreadable: files in which a certificate should be, and is none.
        began: static pod -> when its process began, in seconds since the epoch; the oldest of several.
        keys: the keys of CAs that are there.
        kubelet: KUBELET_KEYS of its configuration, those that it has.
        embedded: kubelet.conf has a certificate in itself: what is rotated is not read.

    """

    certificates: tuple[Certificate, ...] = ()
    written: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()
    began: Mapping[str, float] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()
    kubelet: Mapping[str, str] = field(default_factory=dict)
    embedded: bool = False

    def at(self, path: str) -> Certificate | None:
        """The certificate of a file; its first where it has several."""
        return next((one for one in self.certificates if one.path == path), None)


CERTIFICATES_OF = Memory[NodeCertificates]("what each node says of its certificates")


def read(seen: Seen) -> NodeCertificates:
    """Read the answers to questions().

    Raises:
        CommandError: the files could not be listed.

    """
    answer = seen["certificates"]
    if answer.code:
        raise CommandError(f"the certificates cannot be read: {' '.join(answer.text.split())[-200:]}")
    copies = {line[3:] for line in answer.lines if line.startswith("@@ ")}
    written = dict(_written(answer))
    kubelet = {
        key: value.strip().strip('"') for key, _, value in (line.partition(":") for line in seen["kubelet"].lines)
    }
    texts = dict(_texts(answer.text))
    authority, administrator = (
        next((one for one in parsed(texts.get(path, "")) if one is not None), None)
        for path in (CA_CERTIFICATE, ADMIN_CONF)
    )
    certificates: list[Certificate] = []
    unreadable: list[str] = []
    for path, text in texts.items():
        if _is_not_used(path, kubelet, texts):
            continue
        found = parsed(text)
        if path in copies and authority is not None:  # contexts of other clusters beside ours are their owner's
            found = [one for one in found if one is not None and is_signed_by(one, authority)]
        elif None in found or not (found or path == KUBELET_CONF or path in copies):
            unreadable.append(path)
        told = [
            certificate(
                path, one, copy=path in copies and administrator is not None and one.subject == administrator.subject
            )
            for one in found
            if one is not None
        ]
        certificates += told if path in copies or (told and told[0].authority) else told[:1]
    return NodeCertificates(
        certificates=tuple(certificates),
        written=written,
        unreadable=tuple(unreadable),
        began=_began(seen["processes"]),
        keys=frozenset(seen["ca keys"].lines),
        kubelet=kubelet,
        embedded="client-certificate-data:" in texts.get(KUBELET_CONF, ""),
    )


def _is_not_used(path: str, kubelet: Mapping[str, str], texts: Mapping[str, str]) -> bool:
    """Whether a kubelet has left its self-signed certificate for another one."""
    other = bool(kubelet.get("tlsCertFile")) or (
        kubelet.get("serverTLSBootstrap") == "true" and KUBELET_SERVING in texts
    )
    return path == KUBELET_SELF_SIGNED and other and kubelet.get("tlsCertFile") != path


def _written(answer: Answer) -> Iterator[tuple[str, int]]:
    for line in answer.lines:
        if found := re.match(r"@ (\d+) (.+)$", line):
            yield found[2], int(found[1])


def _texts(text: str) -> Iterator[tuple[str, str]]:
    pieces = re.split(r"^## (.+)\n", f"{text}\n", flags=re.MULTILINE)
    yield from zip(pieces[1::2], pieces[2::2], strict=True)


def _began(answer: Answer) -> dict[str, float]:
    """When each static pod's process began; nothing where the machine does not tell its clock."""
    words = [line.split() for line in answer.lines]
    clock = next((line[1:] for line in words if line[0] == "clock"), [])
    if len(clock) != 2 or not all(map(str.isdigit, clock)):  # noqa: PLR2004  ticks a second, and the boot
        return {}
    ticks, boot = map(int, clock)
    found: dict[str, float] = {}
    for line in words:
        if len(line) == 2 and line[1].isdigit():  # noqa: PLR2004  name and ticks
            began = boot + int(line[1]) / ticks
            found[line[0]] = min(began, found.get(line[0], began))
    return found
