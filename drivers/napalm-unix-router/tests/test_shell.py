"""Files reach a router byte for byte, with what is built into its shell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from napalm_unix_router.shell import assignments, functions

EVERY_BYTE = bytes(range(256))


@pytest.mark.parametrize(
    ("content", "arrives"),
    [
        (EVERY_BYTE * 9, EVERY_BYTE * 9),
        (b"", b""),
        (b"no newline", b"no newline"),
        (b"-n is no option\n", b"-n is no option\n"),
        (b"%s \\n '$HOME' `date`\n\n", b"%s \\n '$HOME' `date`\n\n"),
        (EVERY_BYTE[1:].replace(b"\n", b"") + b"\n", EVERY_BYTE[1:].replace(b"\n", b"") + b"\n"),
        ("\u0101\u4e01\U0001f401 in UTF-8, with bytes that shells use for themselves", None),
        ("text of whole lines\n\n", b"text of whole lines\n\n"),
        ("text\0with a zero", b"text\0with a zero\n"),
        ("", b""),
    ],
    ids=repr,
)
def test_a_file_arrives_as_it_was(site: Path, content: str | bytes, arrives: bytes | None) -> None:
    script = f"LC_ALL=C\n{functions({'file': content})}file >file\n"
    (site / "script").write_text(script, encoding="utf-8")
    with (site / "script").open("rb") as stdin:
        subprocess.run([site / "bin" / "sh", "-s"], stdin=stdin, check=True, cwd=site, env={})
    assert (site / "file").read_bytes() == (f"{content}\n".encode() if arrives is None else arrives)  # type: ignore[str-bytes-safe]


def test_values_arrive_as_they_were(site: Path) -> None:
    value = "it's $(touch never) `here`\nand \\there"
    script = f'{assignments({"value": value})}printf %s "$value"'
    done = subprocess.run(
        [site / "bin" / "sh", "-s"], input=script, text=True, capture_output=True, check=True, cwd=site
    )
    assert done.stdout == value
    assert not (site / "never").exists()
