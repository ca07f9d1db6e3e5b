"""Whose etcd is it that a machine has in /var/lib/etcd? `kubeadm reset` empties that folder, whoever's it is. Pure.

Sources: kubeadm 1.36, cmd/kubeadm/app/cmd/phases/reset/removeetcdmember.go (where there is no manifest of etcd it takes the folder of its
own default: on workers, and beside an external etcd, too). etcd, server/storage/wal: a file is a row of frames, each 64 bits of which the
lower 56 are the length of its record and, where the highest is set, the three above those the bytes that fill it up (encoder.go,
encodeFrameSize); a record (walpb) has a type, a checksum and data; the second one of each file is the metadata, with the numbers of the
member and of its cluster (wal.go, Create and cut; etcdserverpb.Metadata).
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from tasks.control_plane.kubeadm import ETCD_DATA
from tasks.linux.observe import Answer
from tasks.linux.observe import Seen as Answers

MEMBER = "member"  # the folder that etcd itself makes in its data directory
OF_THE_DISK = "lost+found"
# What restore.py, backup.py and upgrade.py make there: the data that was before a restore, and snapshots on their way.
COPIES = ("before-restore-", "kubepeer-")
HALF_RESTORED = "restoring"  # of a restore that was cut off
HEAD_BYTES = 256  # two records of some thirty bytes
QUESTIONS = {
    "entries": f"ls -A {ETCD_DATA} 2>/dev/null; true",
    # the newest file: older ones go with time; one that is only being made has another ending
    "wal": f"""w=$(ls {ETCD_DATA}/{MEMBER}/wal/*.wal 2>/dev/null | tail -n 1)
[ -z "$w" ] || head -c {HEAD_BYTES} "$w" | od -An -v -tx1""",
}
METADATA = 1  # wal.MetadataType
LENGTH_BYTES, FILLED = 8, 0x80
VARINT, FIXED64, BYTES = 0, 1, 2  # Protocol Buffers, wire types


@dataclass(frozen=True)
class EtcdData:
    """What lies in the folder.

    Attributes:
        entries: names in it, without those of copies.
        copies: names of copies of this cluster's data that Kubepeer has made there.
        cluster: the number of the cluster that the data is of; None where it does not say.

    """

    entries: tuple[str, ...] = ()
    cluster: int | None = None
    copies: tuple[str, ...] = ()

    @property
    def lost(self) -> str:
        """The copies, with their places, for a person: whatever empties the folder takes them; "" where there is none."""
        return ", ".join(f"{ETCD_DATA}/{name}" for name in self.copies)


def read(seen: Answers) -> EtcdData:
    """Read the answers to QUESTIONS."""
    names = [name for name in seen["entries"].lines if name != OF_THE_DISK]
    copies = tuple(name for name in names if name.startswith(COPIES) or name == HALF_RESTORED)
    return EtcdData(tuple(name for name in names if name not in copies), _cluster(seen["wal"]), copies)


def foreign(seen: EtcdData, ours: int | None) -> str:
    """Why `kubeadm reset` would take away what is not this cluster's; "" where it would not.

    Args:
        seen: on the machine.
        ours: the number of this cluster's etcd; None where it is on no node.

    """
    if not seen.entries:
        return ""
    cure = f"kubeadm reset would empty {ETCD_DATA}: move it elsewhere first"
    if MEMBER in seen.entries and (ours is None or seen.cluster != ours):
        whose = "of no cluster that can be told" if seen.cluster is None else f"of the cluster {seen.cluster:x}"
        return f"{ETCD_DATA} holds an etcd {whose}, which is not this cluster's; {cure}"
    if others := [name for name in seen.entries if name != MEMBER]:
        return f"{ETCD_DATA} holds {', '.join(others)}, which is not this cluster's; {cure}"
    return ""


def _cluster(answer: Answer) -> int | None:
    """The number of the cluster in the beginning of a write-ahead log, which comes in hexadecimal."""
    with suppress(ValueError, IndexError):  # cut off, or nothing of etcd's
        for record in _records(bytes.fromhex(answer.text)):
            fields = dict(_fields(record))
            if fields.get(1) == METADATA and isinstance(data := fields.get(3), bytes):
                number = dict(_fields(data)).get(2)
                return number if isinstance(number, int) else None
    return None


def _records(text: bytes) -> Iterator[bytes]:
    place = 0
    while place + LENGTH_BYTES <= len(text):
        head = text[place : place + LENGTH_BYTES]
        length = int.from_bytes(head[:-1], "little")
        place += LENGTH_BYTES
        yield text[place : place + length]
        place += length + (head[-1] & 7 if head[-1] & FILLED else 0)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message of Protocol Buffers, by their numbers."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
        elif kind == BYTES:
            length, place = _varint(message, place)
            yield tag >> 3, message[place : place + length]
            place += length
        elif kind == FIXED64:
            place += 8
        else:
            raise ValueError(kind)


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        value |= (message[place] & 0x7F) << shift
        shift += 7
        place += 1
        if not message[place - 1] & 0x80:
            return value, place
