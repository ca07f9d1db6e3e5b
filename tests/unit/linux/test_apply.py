"""A plan is applied to this machine, in a folder of its own, by the real /bin/sh."""

import os
import pwd
import stat
from grp import getgrgid
from pathlib import Path
from typing import Any

import pytest

from kubepeer.errors import CommandError
from tasks.linux import state
from tasks.linux.apply import apply
from tasks.linux.observe import Answer, ask
from tasks.linux.shell import Completed
from tasks.linux.state import Execute, LinuxChange, Remove, Write

OWNER = f"{pwd.getpwuid(os.getuid()).pw_name}:{getgrgid(os.getgid()).gr_name}"


def change(*steps: state.Step, what: str = "a change") -> LinuxChange:
    return LinuxChange(what, steps=steps)


def write(path: Path, content: str, mode: str = "644", owner: str = OWNER) -> Write:
    return Write(str(path), content, mode, owner)


def mode_of(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):o}"


@pytest.mark.parametrize("mode", ["644", "600", "755", "640"])
def test_a_file_has_its_content_and_its_mode(shell: Any, tmp_path: Path, mode: str) -> None:
    apply(shell, [change(write(tmp_path / "file", "content\n", mode))])
    assert (tmp_path / "file").read_text() == "content\n"
    assert mode_of(tmp_path / "file") == mode
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", ["", "no newline", "\n\n", "$HOME `id` 'quoted' \\n\n", "# café\n", "x" * 300_000])
def test_the_content_arrives_byte_by_byte(shell: Any, tmp_path: Path, content: str) -> None:
    apply(shell, [change(write(tmp_path / "file", content))])
    assert (tmp_path / "file").read_bytes() == content.encode()


@pytest.mark.parametrize("name", ["with space", "it's", "$HOME", "-n", "semi;colon", 'a"b'])
def test_a_file_of_any_name_is_written_and_removed(shell: Any, tmp_path: Path, name: str) -> None:
    apply(shell, [change(write(tmp_path / name, "text\n"))])
    assert [path.name for path in tmp_path.iterdir()] == [name]
    apply(shell, [change(Remove(str(tmp_path / name)))])
    assert not list(tmp_path.iterdir())


def test_a_file_takes_its_place_by_a_rename_and_an_open_reader_keeps_the_old_one(shell: Any, tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text("old\n" * 1000)
    with file.open() as reader:
        assert reader.readline() == "old\n"
        apply(shell, [change(write(file, "new\n"))])
        assert set(reader.read().split()) == {"old"}
        assert os.fstat(reader.fileno()).st_ino != file.stat().st_ino
    assert file.read_text() == "new\n"


def test_a_secret_is_never_readable_by_others_before_its_mode_is_set(shell: Any, tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text("open to all\n")
    file.chmod(0o666)
    (watched := tmp_path / "watched").mkdir()
    shell.before = f"chown() {{ stat -c '%a %s' -- \"$2\" > '{watched}/modes'; command chown \"$@\"; }}\n"
    apply(shell, [change(write(file, "secret\n", "600"))])
    assert (watched / "modes").read_text() == "600 7\n"  # all of it is there, and nobody else can read it
    assert (mode_of(file), file.read_text()) == ("600", "secret\n")


def test_a_missing_folder_is_made_and_others_may_enter_it(shell: Any, tmp_path: Path) -> None:
    file = tmp_path / "keepalived" / "keepalived.conf"
    apply(shell, [change(write(file, "text\n"))])
    assert file.read_text() == "text\n"
    assert mode_of(file.parent) == "755"


def test_folders_are_made_however_many_are_missing(shell: Any, tmp_path: Path) -> None:
    file = tmp_path / "containerd" / "certs.d" / "docker.io" / "hosts.toml"
    apply(shell, [change(write(file, "text\n"))])
    assert file.read_text() == "text\n"
    assert mode_of(file.parent) == "755"


def test_a_folder_that_exists_keeps_its_mode(shell: Any, tmp_path: Path) -> None:
    (folder := tmp_path / "folder").mkdir()
    folder.chmod(0o700)
    apply(shell, [change(write(folder / "file", "text\n"))])
    assert mode_of(folder) == "700"


def test_a_file_belongs_to_root_whoever_had_it_before(shell: Any, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to root")
    (file := tmp_path / "file").write_text("old\n")
    os.chown(file, 65534, 65534)
    apply(shell, [change(write(file, "new\n", owner="root:root"))])
    assert (file.stat().st_uid, file.stat().st_gid) == (0, 0)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(shell: Any, tmp_path: Path) -> None:
    (file := tmp_path / "file").write_text("old\n")
    with pytest.raises(CommandError, match="no-such-user"):
        apply(shell, [change(write(file, "new\n", owner="no-such-user:root"))])
    assert file.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_file_owes_is_noted_before_the_file_stands_and_until_it_is_done(shell: Any, tmp_path: Path) -> None:
    file, marker = tmp_path / "config.toml", tmp_path / "pending.containerd"
    marking = Write(str(file), "new\n", owner=OWNER, restart_marker=str(marker))
    with pytest.raises(CommandError):  # cut off between the marker and the file, and between the file and the restart
        apply(type(shell)(before="mv() { exit 9; }\n"), [change(marking)])
    assert (marker.exists(), file.exists()) == (True, False)
    with pytest.raises(CommandError):
        apply(shell, [change(marking, Execute("restart", f"false && rm -f '{marker}'"))])
    assert (marker.exists(), file.read_text()) == (True, "new\n")


@pytest.mark.parametrize(
    ("script", "stays"),
    [
        ("true", False),
        ("false", True),
        ("no-such-program stop haproxy", True),
        ("false || true", False),
        ("true && false", True),
        ("x=1\n[ $x = 2 ] || false", True),
        ("if true; then false; fi\n", True),
        ("false\ntrue", False),
    ],
)
def test_a_pending_restart_is_cleared_when_it_was_done_and_else_it_is_an_error(
    shell: Any, tmp_path: Path, script: str, *, stays: bool
) -> None:
    (marker := tmp_path / "pending.haproxy").touch()
    cleared = state.clearing_marker("haproxy", script).replace(state.RESTART_MARKERS, f"{tmp_path}/pending.")
    step = change(Execute("restart haproxy", cleared), what="container haproxy restart")
    if stays:
        with pytest.raises(CommandError, match=r"^container haproxy restart: exit "):
            apply(shell, [step])
    else:
        apply(shell, [step])
    assert marker.exists() is stays


@pytest.mark.parametrize(("markers", "pending"), [([], []), (["containerd"], ["containerd"]), (["b", "a"], ["a", "b"])])
def test_the_machine_says_which_restarts_are_pending(
    shell: Any, tmp_path: Path, markers: list[str], pending: list[str]
) -> None:
    for name in markers:
        (tmp_path / f"pending.{name}").touch()
    question = state.PENDING_RESTARTS.replace(state.RESTART_MARKERS, f"{tmp_path}/pending.")
    assert ask(shell, {"pending": question})["pending"] == Answer(0, "\n".join(pending))


def test_half_a_file_never_takes_its_place(shell: Any, tmp_path: Path) -> None:
    """The controller died while it sent the file: the shell there sees the end of its standard input, as after the whole of it."""
    (file := tmp_path / "file").write_text("old\n")

    class Dying(type(shell)):  # type: ignore[misc]
        def run(self, script: str, *, stdin: bytes | None = None, deadline: float = 60) -> Completed:
            assert stdin is not None
            answer: Completed = super().run(script, stdin=stdin[: len(stdin) // 2], deadline=deadline)
            return answer

    with pytest.raises(CommandError):
        apply(Dying(), [change(write(file, "new\n" * 100))])
    assert file.read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_first_step_that_fails_ends_the_plan_and_names_change_and_cause(shell: Any, tmp_path: Path) -> None:
    plan = [
        change(write(tmp_path / "first", "1\n"), what="first"),
        change(
            write(tmp_path / "second", "2\n"),
            Execute("swapoff", "echo progress; echo 'swapoff: Not superuser.' >&2; exit 32"),
            write(tmp_path / "third", "3\n"),
            what="swap",
        ),
        change(write(tmp_path / "fourth", "4\n"), what="fourth"),
    ]
    with pytest.raises(CommandError) as raised:
        apply(shell, plan)
    assert str(raised.value) == "swap: exit 32: swapoff: Not superuser."
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_step_that_says_nothing_is_named_all_the_same(shell: Any) -> None:
    with pytest.raises(CommandError, match=r"^unit kubelet: exit 7: it said nothing$"):
        apply(shell, [change(Execute("systemctl", "exit 7"), what="unit kubelet")])


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        (
            "echo 'Job failed.' >&2; echo 'See \"systemctl status x.service\" for details.' >&2; exit 1",
            "exit 1: Job failed.",
        ),
        ("exec sleep 20", "no end after 0 s"),
    ],
    ids=["it_fails", "it_does_not_end"],
)
def test_a_step_that_fails_or_does_not_end_is_explained_by_the_machine(shell: Any, script: str, trouble: str) -> None:
    step = Execute(
        "restart",
        script,
        deadline=0.3 if "sleep" in script else 20,
        explanation="echo 'x is failed;'; echo 'no such file'",
    )
    with pytest.raises(CommandError) as raised:
        apply(shell, [change(step, what="unit x restart")])
    assert raised.value.message == f"unit x restart: {trouble}; x is failed; no such file"


def test_of_a_long_explanation_the_end_is_told(shell: Any) -> None:
    step = Execute("restart", "exit 1", explanation="seq 1 2000")
    with pytest.raises(CommandError, match=r"it said nothing; \.\.\. .* 1999 2000$") as raised:
        apply(shell, [change(step)])
    assert len(raised.value.message) < 700


def test_an_explanation_that_fails_as_well_hides_nothing(shell: Any) -> None:
    with pytest.raises(CommandError, match=r"^a change: exit 3: it said nothing$"):
        apply(shell, [change(Execute("x", "exit 3", explanation="exit 5"))])


def test_a_full_disk_has_its_cure(shell: Any) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(CommandError) as raised:
        apply(shell, [change(Execute("fill", "cat > /dev/full", stdin="too much"), what="/etc/hosts")])
    assert raised.value.cure == "free space on that disk, then run again; what was there before still stands"


def test_a_script_reads_its_standard_input(shell: Any, tmp_path: Path) -> None:
    apply(shell, [change(Execute("keep", f"cat > '{tmp_path}/kept'", stdin="token: abc\n"))])
    assert (tmp_path / "kept").read_text() == "token: abc\n"


def test_a_script_without_standard_input_is_run_whole(shell: Any, tmp_path: Path) -> None:
    apply(shell, [change(Execute("touch", f"cd '{tmp_path}'\ntouch one\ntouch two"))])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_removing_a_file_that_is_gone_is_no_error(shell: Any, tmp_path: Path) -> None:
    apply(shell, [change(Remove(str(tmp_path / "gone")))])
    assert not list(tmp_path.iterdir())


def test_an_applied_change_is_no_change_any_more(shell: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "folder with space" / "file")

    def plan() -> LinuxChange | None:
        return state.file(path, "wanted\n\n", ask(shell, {}, [path]).files[path], mode="640", owner=OWNER)

    first = plan()
    assert first is not None
    apply(shell, [first])
    assert plan() is None
    Path(path).chmod(0o644)
    second = plan()
    assert second is not None
    assert (second.before, second.after) == (f"mode 644 owner {OWNER}", f"mode 640 owner {OWNER}")
    apply(shell, [second])
    assert plan() is None
