"""The host's network link is down; everything in it runs."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present
from lab.model import GATEWAY


def _inject(host: Inside) -> None:
    host.run("ip", "link", "set", "eth0", "down")


def _look(host: Inside) -> Look:
    state = host.out("cat", "/sys/class/net/eth0/operstate")
    return absent("eth0 is up") if state == "up" else present(f"eth0 is {state}")


def _heal(host: Inside) -> None:
    host.run("ip", "link", "set", "eth0", "up")
    host.run("ip", "route", "replace", "default", "via", GATEWAY)


FAULT = Fault("unreachable", "the network link is down", _inject, _look, _heal)
