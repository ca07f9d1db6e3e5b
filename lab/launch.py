"""The last step before a machine's first process: join its control groups, close the way to the host's swap, go.

Run as a program of its own (`python -I lab/launch.py GROUP... -- COMMAND...`), so that nothing of the caller's
threads, files or terminal is inherited by a machine that outlives it.

systemd-nspawn's own system call filter is off (it stops the kubelet and runc from what they do on a real machine);
this one only makes swapon and swapoff answer EINVAL, as they do for a file that is no swap space.
"""

import ctypes
import os
import platform
import struct
import sys
from pathlib import Path

PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
SECCOMP_RET_ALLOW = 0x7FFF0000
SECCOMP_RET_ERRNO = 0x00050000
EINVAL = 22
LOAD_WORD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
OFFSET_NUMBER = 0
# swapon and swapoff by architecture (arch/x86/entry/syscalls, include/uapi/asm-generic/unistd.h). The numbers of the
# 32-bit ABI are left open: none of the lab's programs uses it.
SWAP_CALLS = {"x86_64": (167, 168), "aarch64": (224, 225)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _instruction(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def swap_filter(calls: tuple[int, int]) -> bytes:
    """The filter as classic BPF: the two calls fail, all others pass."""
    return b"".join((
        _instruction(LOAD_WORD, 0, 0, OFFSET_NUMBER),
        _instruction(JUMP_EQUAL, 2, 0, calls[0]),
        _instruction(JUMP_EQUAL, 1, 0, calls[1]),
        _instruction(RETURN, 0, 0, SECCOMP_RET_ALLOW),
        _instruction(RETURN, 0, 0, SECCOMP_RET_ERRNO | EINVAL),
    ))  # fmt: skip


def shield_swap() -> None:
    """Install the filter for this process and all that come from it."""
    code = swap_filter(SWAP_CALLS[platform.machine()])
    program = _Program(len(code) // 8, code)
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_SECCOMP)")


def main(arguments: list[str]) -> None:
    """Join the groups before `--`, then become the command after it."""
    at = arguments.index("--")
    for group in arguments[:at]:
        Path(group, "cgroup.procs").write_text(str(os.getpid()))
    shield_swap()
    command = arguments[at + 1 :]
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
