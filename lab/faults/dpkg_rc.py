"""A package removed by its name and never purged: dpkg keeps it as rc."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

PACKAGE = "lab-oldtool"


def _inject(host: Inside) -> None:
    _facts.install(host, PACKAGE)
    host.run("apt-get", "remove", "--yes", "--quiet", PACKAGE)


def _look(host: Inside) -> Look:
    state, _ = _facts.package(host, PACKAGE)
    return present(f"{PACKAGE} is rc") if state == "rc" else absent(f"dpkg state of {PACKAGE}: {state or 'unknown'}")


def _heal(host: Inside) -> None:
    _facts.purge(host, PACKAGE)


FAULT = Fault("dpkg-rc", "a package is removed but its configuration stays (rc)", _inject, _look, _heal)
