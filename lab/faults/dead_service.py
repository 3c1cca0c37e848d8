"""cron is killed, and systemd has been told not to start it again."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

DROP_IN = "/etc/systemd/system/cron.service.d/no-restart.conf"


def _inject(host: Inside) -> None:
    host.write(DROP_IN, "[Service]\nRestart=no\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "kill", "--signal=KILL", "cron.service")
    _facts.wait_until(lambda: _facts.unit(host, "cron.service")["ActiveState"] == "failed", "cron has failed")


def _look(host: Inside) -> Look:
    unit = _facts.unit(host, "cron.service")
    state = f"cron.service is {unit['ActiveState']} ({unit['Result']}), main pid {unit['MainPID']}"
    return absent(state) if unit["ActiveState"] == "active" and unit["MainPID"] != "0" else present(state)


def _heal(host: Inside) -> None:
    host.remove(DROP_IN)
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reset-failed", "cron.service", check=False)
    host.run("systemctl", "restart", "cron.service")


FAULT = Fault("dead-service", "cron was killed and is not started again", _inject, _look, _heal)
