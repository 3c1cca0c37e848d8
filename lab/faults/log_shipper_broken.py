"""The Promtail incident: a template nobody rendered became its configuration; it is active and ships nothing."""

from lab.enter import Inside
from lab.errors import CannotLookError, LabError
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

CONF = "/etc/promtail/config.yml"
UNIT = "promtail.service"
ORIGINAL = "/etc/promtail/config.yml.lab-original"
ARRIVES_WITHIN = 3.0  # seconds; it looks for new lines twice a second


def _prepare(host: Inside) -> None:
    for package in ("loki", "promtail"):
        if not _facts.installed(host, package):
            _facts.install(host, package)
    host.run("cp", "--no-clobber", CONF, ORIGINAL)
    _facts.wait_until(lambda: _sent(host) is not None, "promtail answers on 9080")


def _inject(host: Inside) -> None:
    broken = host.read(CONF).replace("__path__: /var/log/syslog", "__path__: {{ promtail_log_path }}")
    host.write(CONF, broken)
    host.run("systemctl", "restart", UNIT)
    _facts.wait_until(lambda: _sent(host) is not None, "promtail answers on 9080")


def _look(host: Inside) -> Look:
    if not _facts.installed(host, "promtail"):
        return absent("promtail is not installed")
    if (state := _facts.unit(host, UNIT)["ActiveState"]) != "active":
        return present(f"{UNIT} is {state}")
    before = _sent(host)
    if before is None:
        raise CannotLookError("promtail does not answer on 9080")
    host.run("logger", "a line to be shipped")
    try:
        _facts.wait_until(lambda: (_sent(host) or 0) > before, "a line shipped", ARRIVES_WITHIN)
    except LabError:
        return present(f"{UNIT} is active, and a new line of /var/log/syslog is not shipped")
    return absent("a new line of /var/log/syslog is shipped")


def _heal(host: Inside) -> None:
    if host.exists(ORIGINAL):
        host.run("cp", ORIGINAL, CONF)
        host.run("systemctl", "restart", UNIT)
        _facts.wait_until(lambda: _sent(host) is not None, "promtail answers on 9080")


def _sent(host: Inside) -> int | None:
    for line in host.out("curl", "-sS", "--max-time", "2", "http://127.0.0.1:9080/metrics").splitlines():
        if line.startswith("promtail_sent_entries_total "):
            return int(line.split()[1])
    return None


FAULT = Fault("log-shipper-broken", "promtail is active and ships nothing", _inject, _look, _heal, _prepare)
