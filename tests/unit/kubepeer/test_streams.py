"""A reader that goes before the run has ended ends nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
WRITES_ON = """
import json, sys
from pathlib import Path
from rich.console import Console
from kubepeer.streams import nobody_reads, outlive_readers
outlive_readers()
outlive_readers()
console = Console(stderr=sys.argv[1] == "stderr", record=True)
before = nobody_reads()
print("first line", file=getattr(sys, sys.argv[1]), flush=True)
sys.stdin.readline()  # the reader has gone
at_once = nobody_reads()
for number in range(20_000):
    console.print(number)
print(json.dumps(list(range(20_000))), file=getattr(sys, sys.argv[1]))
Path(sys.argv[2]).write_text(f"{console.export_text()} {before} {at_once} {nobody_reads()}")
raise SystemExit(5)
"""


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_all_is_done_and_the_exit_code_is_its_own(name: str, tmp_path: Path) -> None:
    report = tmp_path / "report"
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_ON, name, str(report)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        assert process.stderr
        gone, other = (process.stdout, process.stderr) if name == "stdout" else (process.stderr, process.stdout)
        assert gone.readline() == "first line\n"
        gone.close()
        process.stdin.write("go on\n")
        process.stdin.close()
        assert other.read() == ""
    assert process.returncode == 5
    *told, before, at_once, at_last = report.read_text().split()
    assert told == [str(number) for number in range(20_000)]
    gone = str(name == "stdout")
    assert (before, at_once, at_last) == ("False", gone, gone), "who watches ends when nobody reads"


def test_a_runbook_goes_on_without_a_reader(tmp_path: Path) -> None:
    """No config.yaml is there: one line that nobody reads, and exit code 2."""
    command = f"{sys.executable} {CHECKOUT}/runbooks/deploy.py --config {tmp_path}/none.yaml; echo $? >{tmp_path}/code"
    done = subprocess.run(["sh", "-c", f"({command}) | true"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert (tmp_path / "code").read_text() == "2\n"
