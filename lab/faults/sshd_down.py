"""sshd is stopped; the host runs, and nobody can look into it by ssh."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present


def _inject(host: Inside) -> None:
    host.run("systemctl", "stop", "ssh.service")


def _look(host: Inside) -> Look:
    listens = ":22 " in host.out("ss", "--listening", "--tcp", "--numeric", "--no-header")
    state = f"ssh.service is {_facts.unit(host, 'ssh.service')['ActiveState']}"
    return absent(f"{state}, port 22 listens") if listens else present(f"{state}, nothing listens on 22")


def _heal(host: Inside) -> None:
    host.run("systemctl", "start", "ssh.service")
    _facts.wait_until(lambda: not _look(host).present, "sshd listens")


FAULT = Fault("sshd-down", "sshd is stopped", _inject, _look, _heal)
