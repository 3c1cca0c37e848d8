"""/srv/data has space but no inode left: what `df` without -i does not show."""

import os

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

FOLDER = "/srv/data/sessions"
FEW = 20


def _inject(host: Inside) -> None:
    folder = host.root / FOLDER.lstrip("/")
    folder.mkdir(exist_ok=True)
    for number in range(_free(host)):
        (folder / f"sess_{number:05}").touch()


def _look(host: Inside) -> Look:
    free = _free(host)
    state = f"/srv/data has {free} inodes left"
    return present(state) if free < FEW else absent(state)


def _heal(host: Inside) -> None:
    host.run("rm", "-rf", FOLDER)


def _free(host: Inside) -> int:
    return os.statvfs(host.root / "srv/data").f_favail


FAULT = Fault("inodes-full", "/srv/data has no inode left", _inject, _look, _heal)
