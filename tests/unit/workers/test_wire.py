"""What passes through the scheduler: it comes out as it went in, of the types that may travel, and takes the key to read or make."""

import functools
import os
import pickle
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from typing import Any

import pytest

from kubepeer import errors
from kubepeer.change import Change, Held
from kubepeer.checks import Evidence, Finding
from kubepeer.errors import KubepeerError
from kubepeer.run import Options
from kubepeer.workers import wire
from kubepeer.workers.messages import Answer, Call
from kubepeer.workers.wire import NoSuchTypeError, OtherKeyError, Seal, read, written
from tasks.linux.shell import DeadlineError
from tasks.linux.state import LinuxChange, Write

SEAL = Seal("a" * 32)
OTHER = SEAL.close("x", "answer 1")
CHANGE = LinuxChange("/etc/hosts", "a\n", "b\n", steps=(Write("/etc/hosts", "b\n"),), held=Held.NAME)
FINDING = Finding("n1", "session", "10.0.0.1", "bgp", ok=False, missing=("x",), evidence=(Evidence("n1", "ip r", "y"),))


def kinds(of: type[KubepeerError]) -> list[type[KubepeerError]]:
    return [of, *(below for one in of.__subclasses__() for below in kinds(one))]


@pytest.mark.parametrize(
    "value",
    [
        Answer((CHANGE, Change("x", None, "y", secret=True)), (FINDING,), "all clear", learnt=frozenset({"s"}), gives=((0, "k"),)),
        Call("s", "1", "tasks.observe:observe", "Observe", "n1", Options(further={"file": Path("/x")}), ((1, ()),), may_change=True),
        [IPv4Address("10.0.0.1"), IPv6Network("fd00::/64"), {"a": b"\xff", "b": "\udcff"}],
    ],
    ids=("answer", "call", "values"),
)  # fmt: skip
def test_what_is_sent_is_what_is_read(value: Any) -> None:
    assert SEAL.open(SEAL.close(value, "answer 1"), "answer 1") == value


def test_a_text_that_stands_twice_travels_once() -> None:
    text = "".join(map(str, range(10_000)))
    change = LinuxChange("/etc/hosts", None, text, steps=(Write("/etc/hosts", text),))
    assert len(written(change)) < 1.1 * len(text)


def test_every_error_of_ours_arrives_as_it_was() -> None:
    every: list[Any] = [kind for kind in kinds(KubepeerError) if kind.__module__.startswith(wire.OURS)]
    assert len(every) > 8
    for kind in every:
        made = kind.__new__(kind)
        KubepeerError.__init__(made, "what was tried", host="n1", cure="do this")
        made.seconds, made.differences, made.findings = 1.5, {"n1": ["-x"]}, (FINDING,)
        found = read(written(made))
        assert (type(found), str(found), vars(found)) == (kind, "n1: what was tried Cure: do this", vars(made))


def test_an_error_whose_constructor_takes_other_arguments_arrives_too() -> None:
    found = read(written(DeadlineError("no end", host="n1", seconds=3)))
    assert (type(found), str(found), found.seconds) == (DeadlineError, "n1: no end", 3)
    assert issubclass(type(found), errors.CommandError)


def test_an_error_of_somebody_elses_arrives_with_its_name_and_where_it_came_from() -> None:
    try:
        {}["key"]
    except KeyError as error:
        found = read(written(error))
    assert (type(found).__name__, str(found)) == ("KeyError", "'key'")
    assert "test_wire.py" in found.__notes__[0]


class _Runs:
    def __reduce__(self) -> Any:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "value",
    [_Runs(), os.system, functools.partial(print), wire.read, KubepeerError.__init__, type("Any", (), {}), object],
    ids=("a call", "a function", "a partial", "one of our functions", "a method", "a class of nobody", "object"),
)
def test_what_is_no_value_of_the_list_is_not_read(value: Any) -> None:
    with pytest.raises((NoSuchTypeError, pickle.PicklingError, AttributeError)):
        read(pickle.dumps(value))


def test_a_class_of_ours_that_is_no_record_is_not_read() -> None:
    with pytest.raises(NoSuchTypeError, match=r"kubepeer\.workers\.wire\.Seal"):
        read(pickle.dumps(Seal))


def test_who_has_another_key_reads_nothing() -> None:
    with pytest.raises(OtherKeyError):
        Seal("b" * 32).open(SEAL.close("x", "open"), "open")


@pytest.mark.parametrize(
    "sealed",
    [b"", b"short", SEAL.close("x", "answer 2"), OTHER[:-1] + bytes([OTHER[-1] ^ 1])],
    ids=("nothing", "too short", "of another call", "changed"),
)
def test_no_message_passes_for_another_one(sealed: bytes) -> None:
    with pytest.raises(OtherKeyError):
        SEAL.open(sealed, "answer 1")


def test_two_messages_of_the_same_are_not_the_same() -> None:
    assert SEAL.close("x", "open") != SEAL.close("x", "open")
    assert b"a word that can be found" not in SEAL.close("a word that can be found" * 3, "open")
