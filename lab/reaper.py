"""A lab that must not outlive a process: wait for its end in the kernel, then take the lab down."""

import os
import select

from lab import cgroups, fleet


def reap(name: str, pid: int) -> None:
    """Wait until the process `pid` ends, then run `down` for the lab `name`; ends early with the lab itself."""
    group = cgroups.find(name)
    if group is None:
        return
    before = cgroups.own()
    cgroups.enter(group.host(cgroups.KEEPER))  # an ordinary `down` thereby ends this process too
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        select.select([watched], [], [])
    cgroups.enter(before if before.is_dir() else cgroups.hierarchy())  # `down` must not kill the one who runs it
    fleet.down([name])
