"""The few system calls Python 3.11 has no name for."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNS = 0x00020000  # linux/sched.h
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8  # linux/mount.h
MS_REC, MS_PRIVATE = 0x4000, 0x40000
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), what)


def unshare(flags: int) -> None:
    """Give the calling process new namespaces (CLONE_NEW...). Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace `fd` refers to. Raises OSError."""
    _checked(_libc.setns(fd, kind), "setns")


def mount(source: str, target: Path | str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """Attach a file system to `target`. Raises OSError."""
    arguments = (source.encode(), os.fsencode(target), fstype.encode() or None)
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), options.encode() or None), f"mount {fstype} on {target}")


def unmount(target: Path | str) -> None:
    """Detach a mount point, also a busy one. Raises OSError."""
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def new_network() -> int:
    """Make a network namespace and return a file descriptor that keeps it alive; the caller's own stays."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        made = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        setns(own, CLONE_NEWNET)
    finally:
        os.close(own)
    return made


@contextmanager
def inside_network(fd: int) -> Iterator[None]:
    """Sockets and programs made in this block belong to the network namespace `fd`."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(fd, CLONE_NEWNET)
        try:
            yield
        finally:
            setns(own, CLONE_NEWNET)
    finally:
        os.close(own)
