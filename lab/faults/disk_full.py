"""/srv/data has no byte left."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

WHERE = "/srv/data"
FILE = f"{WHERE}/export/dump.bin"
FULL = 95  # percent


def _inject(host: Inside) -> None:
    host.run("mkdir", "-p", f"{WHERE}/export")
    host.run("dd", "if=/dev/zero", f"of={FILE}", "bs=64k", check=False)  # ends with ENOSPC, which is the point


def _look(host: Inside) -> Look:
    percent = _facts.used(host, WHERE)
    state = f"{WHERE} is {percent:.0f} % full"
    return present(state) if percent >= FULL else absent(state)


def _heal(host: Inside) -> None:
    host.run("rm", "-rf", f"{WHERE}/export")


FAULT = Fault("disk-full", "/srv/data is full to the last byte", _inject, _look, _heal)
