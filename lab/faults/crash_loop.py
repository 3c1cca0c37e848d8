"""A service that dies as soon as it runs and is started again for ever: at no moment is it `failed`."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

UNIT = "lab-flaky.service"
CONF = "/etc/lab-flaky.conf"
SETTLED = 2.0  # seconds; the loop turns about twice a second


def prepare(host: Inside) -> None:
    """Have the service installed; it runs steadily then."""
    if not _facts.installed(host, "lab-flaky"):
        _facts.install(host, "lab-flaky=1.0-1")


def _inject(host: Inside) -> None:
    host.write(CONF, "mode=crash\n")
    host.run("systemctl", "restart", UNIT)
    _facts.wait_until(lambda: int(_facts.unit(host, UNIT)["NRestarts"]) > 1, "the second restart")


def _look(host: Inside) -> Look:
    if not _facts.installed(host, "lab-flaky"):
        return absent("lab-flaky is not installed")
    unit = _facts.unit(host, UNIT)
    uptime = float(host.read("/proc/uptime").split()[0])
    age = uptime - int(unit["ActiveEnterTimestampMonotonic"]) / 1e6
    state = f"{UNIT} is {unit['ActiveState']}/{unit['SubState']}, {unit['NRestarts']} restarts, up {age:.1f} s"
    if unit["SubState"] != "running" or (unit["NRestarts"] != "0" and age < SETTLED):
        return present(state)
    return absent(state)


def _heal(host: Inside) -> None:
    if _facts.installed(host, "lab-flaky"):
        host.write(CONF, "mode=steady\n")
        host.run("systemctl", "reset-failed", UNIT, check=False)
        host.run("systemctl", "restart", UNIT)


FAULT = Fault("crash-loop", "a service restarts about twice a second, never failed", _inject, _look, _heal, prepare)
