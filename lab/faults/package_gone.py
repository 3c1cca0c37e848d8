"""A package is gone while its process runs on from a deleted binary: it works until the next restart."""

from lab.enter import Inside
from lab.faults import _facts, crash_loop
from lab.faults._fault import Fault, Look, absent, present

PREFIX = "/usr/lib/lab-flaky/"
PRERM = "/var/lib/dpkg/info/lab-flaky.prerm"


def _inject(host: Inside) -> None:
    host.write(PRERM, "#!/bin/sh\nexit 0\n", 0o755)  # it would stop the service
    host.run("apt-get", "remove", "--yes", "--quiet", "lab-flaky")


def _look(host: Inside) -> Look:
    running = _facts.running_from(host, PREFIX)
    state, _ = _facts.package(host, "lab-flaky")
    for pid, binary in running:
        if binary.endswith(" (deleted)") or state[1:2] != "i":
            return present(f"process {pid} runs from {binary}; dpkg state of lab-flaky: {state or 'unknown'}")
    return absent(f"{len(running)} processes of lab-flaky, dpkg state {state or 'unknown'}")


def _heal(host: Inside) -> None:
    for pid, _ in _facts.running_from(host, PREFIX):
        host.run("kill", "-KILL", str(pid), check=False)
    _facts.purge(host, "lab-flaky")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reset-failed", crash_loop.UNIT, check=False)


FAULT = Fault("package-gone", "a service runs on after its package", _inject, _look, _heal, crash_loop.prepare)
