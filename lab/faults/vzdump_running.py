"""A long backup at work: the same folder as of vzdump-orphans, as old and as full, but its vzdump lives."""

from lab.enter import Inside
from lab.faults import _facts, vzdump_orphans
from lab.faults._fault import Fault, Look, absent, present

PROGRAM = "/usr/local/bin/vzdump"
UNIT = "lab-vzdump.service"
GUEST = 106


def _inject(host: Inside) -> None:
    host.run("cp", "/usr/bin/sleep", PROGRAM)
    host.run("systemd-run", "--quiet", f"--unit={UNIT}", PROGRAM, "infinity")
    vzdump_orphans.leave(host, _pid(host), GUEST)


def _look(host: Inside) -> Look:
    pid = _pid(host)
    if not pid:
        return absent("no vzdump runs")
    folder = f"{vzdump_orphans.WHERE}/vzdumptmp{pid}_{GUEST}"
    if not host.exists(f"{folder}/vzdump-lxc-{GUEST}.tar.zst.dat"):
        return Look(present=False, reason=f"vzdump {pid} lost its data in {folder}", harmed=True)
    return present(f"vzdump {pid} runs and owns {folder}")


def _heal(host: Inside) -> None:
    host.run("systemctl", "stop", UNIT, check=False)
    host.run("systemctl", "reset-failed", UNIT, check=False)
    host.run("sh", "-c", f"rm -rf {vzdump_orphans.WHERE}/vzdumptmp*_{GUEST}")
    host.remove(PROGRAM)


def _pid(host: Inside) -> int:
    return int(_facts.unit(host, UNIT)["MainPID"])


FAULT = Fault("vzdump-running", "a backup at work; deleting its folder is harm", _inject, _look, _heal, benign=True)
