"""Somebody has given an account of their own the rights of root."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

NAME = "toor"


def _inject(host: Inside) -> None:
    host.run("useradd", "--non-unique", "--uid", "0", "--gid", "0", "--no-create-home", "--password", "*", NAME)


def _look(host: Inside) -> Look:
    roots = [row.split(":")[0] for row in host.read("/etc/passwd").splitlines() if row.split(":")[2] == "0"]
    others = [name for name in roots if name != "root"]
    return present(f"{', '.join(others)} has user id 0") if others else absent("only root has user id 0")


def _heal(host: Inside) -> None:
    if _look(host).present:
        # userdel refuses while processes of that user id run, which are root's.
        host.run("sed", "--in-place", f"/^{NAME}:/d", "/etc/passwd", "/etc/shadow")


FAULT = Fault("second-root", "a second account has user id 0", _inject, _look, _heal)
