"""Every process of the host stands still: connections are accepted by its kernel, and nothing ever answers."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present


def _inject(host: Inside) -> None:
    _set(host, "1")
    _facts.wait_until(lambda: host.frozen, "all processes stand still")


def _look(host: Inside) -> Look:
    return present("all processes are frozen") if host.frozen else absent("its processes run")


def _heal(host: Inside) -> None:
    _set(host, "0")
    _facts.wait_until(lambda: not host.frozen, "its processes run")


def _set(host: Inside, value: str) -> None:
    (host.cgroup / "payload/cgroup.freeze").write_text(value, encoding="ascii")


FAULT = Fault("frozen", "every process of the host stands still", _inject, _look, _heal)
