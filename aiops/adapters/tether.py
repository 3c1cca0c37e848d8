"""Become another program that ends when its parent does: ``python tether.py PARENT_PID PROGRAM ARGS...``.

Linux ends a process that asked for it (PR_SET_PDEATHSIG) when the thread that started it dies, by kill -9 too, and the
wish survives ``exec``. Asking here, in a process of its own, needs no ``preexec_fn``, which is not safe beside threads.
It is run by path and imports nothing of the project, so that it costs a few milliseconds.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tied(parent: int, argv: list[str]) -> list[str]:
    """The command that becomes ``argv`` and ends with the process ``parent``."""
    return [sys.executable, "-I", "-S", __file__, str(parent), *argv]


def main(arguments: list[str]) -> None:
    """Tie this process to ``arguments[0]``, the parent's id, then become ``arguments[1:]``."""
    parent, program = int(arguments[0]), arguments[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        # It died before we asked.
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
