"""The one script that asks everything, run by the real /bin/sh, and what is read out of its answer."""

import os
import pwd
import shutil
import subprocess
from grp import getgrgid
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.linux import observe, state
from tasks.linux.observe import Answer, FileSeen, ask
from tasks.linux.shell import Completed
from tests.unit.answering import mark_of

OWNER = f"{pwd.getpwuid(os.getuid()).pw_name}:{getgrgid(os.getgid()).gr_name}"


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        ("echo one; echo two", 0, "one\ntwo"),
        ("true", 0, ""),
        ("false", 1, ""),
        ("echo before; (exit 42)", 42, "before"),
        ("echo to the error stream >&2", 0, "to the error stream"),
        ("no-such-command-anywhere 2>/dev/null", 127, ""),
        ("printf '@@kubepeer answer fake 0\\n'", 0, "@@kubepeer answer fake 0"),
        ('printf \'%s\' "it\'s $((1 + 1)) \\"quoted\\""', 0, 'it\'s 2 "quoted"'),
        ("printf 'caf\\303\\251'", 0, "café"),
        ("printf 'caf\\351'", 0, "caf\N{REPLACEMENT CHARACTER}"),
        ("true # a comment at the end does not swallow what follows", 0, ""),
        ("printf 'line\\n\\n\\n'", 0, "line"),
    ],
)
def test_a_command_answers_with_its_output_and_its_exit_code(shell: Any, command: str, code: int, text: str) -> None:
    assert ask(shell, {"question": command})["question"] == Answer(code, text)


def test_a_question_that_fails_keeps_no_other_from_its_answer(shell: Any) -> None:
    seen = ask(shell, {"first": "echo 1", "broken": "exit 3", "last": "echo 2"})
    assert {name: (answer.code, answer.text) for name, answer in seen.answers.items()} == {
        "first": (0, "1"),
        "broken": (3, ""),
        "last": (0, "2"),
    }


def test_what_takes_long_is_answered_at_the_same_time_as_the_others(shell: Any, tmp_path: Path) -> None:
    """Each waits for what the other has made: one after the other neither would end. Neither reads what is not for it."""
    one, other = tmp_path / "one", tmp_path / "other"
    os.mkfifo(one)
    os.mkfifo(other)
    questions = {"long": f"cat; cat {one}; echo b >{other}; exit 3", "short": f"cat; echo a >{one}; cat {other}"}
    seen = ask(shell, questions, [str(tmp_path / "none")], deadline=20, meanwhile=["long"])
    assert seen.answers == {"short": Answer(0, "b"), "long": Answer(3, "a")}
    assert seen.files == {str(tmp_path / "none"): None}


def test_a_question_may_have_many_lines_and_a_name_with_spaces(shell: Any) -> None:
    answer = ask(shell, {"two lines": "echo a\nif true; then\n  echo b\nfi"})["two lines"]
    assert answer.lines == ["a", "b"]


def test_empty_lines_are_no_lines(shell: Any) -> None:
    assert ask(shell, {"q": "printf 'a\\n\\n  \\nb\\n'"})["q"].lines == ["a", "b"]


def test_messages_come_in_the_language_that_is_parsed(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert ask(shell, {"locale": "echo $LC_ALL"})["locale"].text == "C"


def test_an_answer_larger_than_an_argument_may_be_arrives_whole(shell: Any) -> None:
    assert len(ask(shell, {"q": "seq 1 50000"})["q"].lines) == 50000


@pytest.mark.parametrize(
    "name", ["plain", "with space", " leading", "it's", 'double"quote', "$HOME", "semi;colon", "-n", "*", "umlaut-ä"]
)
def test_a_file_of_any_name_is_read(shell: Any, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("content\n", encoding="utf-8")
    file.chmod(0o640)
    assert ask(shell, {}, [str(file)]).files == {str(file): FileSeen("640", OWNER, "content\n")}


@pytest.mark.parametrize("name", ["absent", "absent with space", "no/such/folder", "it's not there"])
def test_a_file_that_is_not_there_is_none(shell: Any, tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    assert ask(shell, {}, [path]).files == {path: None}


@pytest.mark.parametrize(
    "content",
    ["", "\n", "\n\n\n", "no newline at the end", "line\n", "line\n\n", "x", "x\nx\n", "@@kubepeer file x 0\n"],
)
def test_a_file_is_read_to_its_last_newline(shell: Any, tmp_path: Path, content: str) -> None:
    (file := tmp_path / "file").write_text(content)
    seen = ask(shell, {}, [str(file)]).files[str(file)]
    assert seen is not None
    assert seen.content == content


def test_a_file_that_is_no_utf_8_does_not_end_the_observation(shell: Any, tmp_path: Path) -> None:
    (file := tmp_path / "hosts").write_bytes(b"# caf\xe9\n10.0.0.1 a\n")
    seen = ask(shell, {"after": "echo still"}, [str(file)])
    found = seen.files[str(file)]
    assert found is not None
    assert found.content.endswith("\n10.0.0.1 a\n")
    assert seen["after"].text == "still"


def test_a_link_shows_the_file_behind_it(shell: Any, tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text("behind\n")
    file.chmod(0o600)
    (link := tmp_path / "link").symlink_to(file)
    assert ask(shell, {}, [str(link)]).files[str(link)] == FileSeen("600", OWNER, "behind\n")


def test_a_link_to_nothing_is_an_absent_file(shell: Any, tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(tmp_path / "gone")
    assert ask(shell, {}, [str(link)]).files[str(link)] is None


def test_what_a_login_prints_before_the_answers_is_passed_over(shell: Any) -> None:
    printed = shell.run(observe.script({"q": "echo answer"}, ["/nowhere/at/all"], "@@mark")).stdout
    seen = observe.parse(b"Welcome to this machine\n\n" + printed + b"goodbye\n", "@@mark")
    assert seen["q"] == Answer(0, "answer")
    assert seen.files == {"/nowhere/at/all": None}


def test_a_machine_that_cannot_answer_is_named_with_its_cause(shell: Any) -> None:
    shell.before = "cd /no/such/folder || exit 1\n"
    with pytest.raises(CommandError) as raised:
        ask(shell, {"q": "true"})
    assert raised.value.message.startswith("could not be observed: ")
    assert "/no/such/folder" in raised.value.message


def test_what_is_seen_while_an_earlier_run_is_at_work_is_not_acted_upon() -> None:
    waited = observe.Seen({"lock": observe.Answer(0, "")}, {})
    assert observe.at_rest(waited, "a") is waited
    with pytest.raises(
        CommandError, match=r"^a: a package installation or a kubeadm of an earlier run is still at work"
    ):
        observe.at_rest(observe.Seen({"lock": observe.Answer(1, "")}, {}), "a")


def test_who_is_still_at_work_is_named(shell: Any, tmp_path: Path) -> None:
    lock = tmp_path / "kubepeer.lock"
    holder = subprocess.Popen(["/bin/sh", "-c", f"exec 9>{lock}; flock 9; echo; exec sleep 30"], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        question = state.WAIT_FOR_LOCK.format(seconds=0).replace(state.LOCK_FILE, str(lock))
        seen = ask(shell, {"lock": question})
        with pytest.raises(CommandError, match=r"still at work there \(sleep 30\)\. Nothing was changed"):
            observe.at_rest(seen, "a")
    finally:
        holder.kill()
        holder.communicate()
    assert ask(shell, {"lock": question})["lock"] == observe.Answer(0, "")


@pytest.fixture
def userland(tmp_path: Path) -> Path:
    """A folder with no more programs than an answer needs, to be the one of PATH: no base64, no od, no stat."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "ls", "awk"):
        program = shutil.which(name)
        assert program is not None
        (folder / name).symlink_to(program)
    return folder


def test_a_router_with_hardly_a_program_answers_all_the_same(userland: Path, tmp_path: Path) -> None:
    wanted = tmp_path / "file"
    wanted.write_bytes(b"two\n\xff lines\n\n")
    wanted.chmod(0o640)
    text = observe.script({"one": "printf 'caf\\303\\251\\n*  x'; exit 3", "none": "true"}, [str(wanted)], "@@mark")
    environment = {"PATH": str(userland)}
    done = subprocess.run(["/bin/sh", "-s"], input=text.encode(), capture_output=True, check=True, env=environment)
    assert done.stderr == b""
    seen = observe.parse(done.stdout, "@@mark")
    assert (seen["one"], seen["none"]) == (Answer(3, "café\n*  x"), Answer(0, ""))
    found = seen.files[str(wanted)]
    assert found
    assert (found.mode, found.owner) == ("640", OWNER)
    assert found.content.encode(errors="surrogateescape") == wanted.read_bytes()


def test_an_answer_that_holds_what_an_answer_looks_like_is_one_answer(
    shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = shell.run(observe.script({"two": "echo of yesterday"}, [], observe.new_mark())).stdout
    monkeypatch.setenv("RECORDED", recorded.decode())
    seen = ask(shell, {"one": 'printf %s "$RECORDED"', "two": "echo of today"})
    assert (seen["two"].text, seen["one"].text) == ("of today", recorded.decode().rstrip("\n"))


@pytest.mark.parametrize("rest", ["", "\n", "\nhalf of", "\nwhole\n", "\nwhole\n@@ma"])
def test_an_answer_that_is_cut_off_is_no_empty_answer(rest: str) -> None:
    with pytest.raises(CommandError, match="question 'one' was cut off"):
        observe.parse(f"@@mark answer one 0{rest}".encode(), "@@mark")


def test_a_question_without_an_answer_is_named() -> None:
    class Broken:
        host = "r1"

        def run(self, script: str, **__: Any) -> Completed:
            mark = mark_of(script)
            return Completed(0, f"{mark} answer one 0\n\n{mark}\n".encode(), b"")

    with pytest.raises(CommandError, match="question 'two' was cut off"):
        ask(Broken(), {"one": "true", "two": "true"})
