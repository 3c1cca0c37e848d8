"""Every process of the host stands still: connections are accepted by its kernel, and nothing ever answers."""

from lab.enter import Inside
from lab.errors import CannotLookError
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present


def _inject(host: Inside) -> None:
    _set(host, "1")
    _facts.wait_until(lambda: _look(host).present, "all processes stand still")


def _look(host: Inside) -> Look:
    try:
        events = (host.cgroup / "payload/cgroup.events").read_text(encoding="ascii")
    except FileNotFoundError as error:
        raise CannotLookError(f"{host.name} does not run") from error
    return present("all processes are frozen") if "frozen 1" in events else absent("its processes run")


def _heal(host: Inside) -> None:
    _set(host, "0")
    _facts.wait_until(lambda: not _look(host).present, "its processes run")


def _set(host: Inside, value: str) -> None:
    (host.cgroup / "payload/cgroup.freeze").write_text(value, encoding="ascii")


FAULT = Fault("frozen", "every process of the host stands still", _inject, _look, _heal)
