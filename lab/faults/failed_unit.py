"""A file that is no nginx configuration, and a restart that found out."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

FILE = "/etc/nginx/conf.d/shop.conf"


def _inject(host: Inside) -> None:
    host.write(FILE, "server {\n\tlisten 8080\n\tserver_name shop;\n}\n")
    host.run("systemctl", "restart", "nginx.service", check=False)


def _look(host: Inside) -> Look:
    state = _facts.unit(host, "nginx.service")["ActiveState"]
    test = host.run("nginx", "-t", check=False)
    if state != "active":
        return present(f"nginx.service is {state}")
    if test.status != 0:
        return present(f"nginx runs, but would not start again: {test.err.splitlines()[0]}")
    return absent("nginx.service is active and its configuration is valid")


def _heal(host: Inside) -> None:
    host.remove(FILE)
    host.run("systemctl", "reset-failed", "nginx.service", check=False)
    host.run("systemctl", "restart", "nginx.service")


FAULT = Fault("failed-unit", "nginx does not start: a syntax error in its configuration", _inject, _look, _heal)
