"""A package has a newer version in the archive, and nobody has upgraded it."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

PACKAGE, OLD, NEW = "lab-flaky", "1.0-1", "1.1-1"


def _inject(host: Inside) -> None:
    _facts.install(host, f"{PACKAGE}={OLD}")


def _look(host: Inside) -> Look:
    state, version = _facts.package(host, PACKAGE)
    said = f"{PACKAGE} is {version or 'not there'} ({state or 'unknown'})"
    return present(f"{said}, {NEW} is in the archive") if version == OLD and state[1:2] == "i" else absent(said)


def _heal(host: Inside) -> None:
    _facts.purge(host, PACKAGE)


FAULT = Fault("upgrade-waiting", "a package is older than the archive's", _inject, _look, _heal)
