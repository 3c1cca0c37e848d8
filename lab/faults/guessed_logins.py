"""Somebody tries one account name after the other at the real sshd."""

from lab.enter import Inside
from lab.faults import _facts
from lab.faults._fault import Fault, Look, absent, present

TIMES = 8
MANY = 5  # fail2ban's own line
NAMES = ("admin", "oracle", "test", "ubuntu")
_OPTIONS = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")


def _inject(host: Inside) -> None:
    options = [word for option in _OPTIONS for word in ("-o", option)]
    for number in range(TIMES):
        host.run("ssh", *options, f"{NAMES[number % len(NAMES)]}@127.0.0.1", "true", check=False)
    _facts.wait_until(lambda: _look(host).present, "the journal has the attempts")


def _look(host: Inside) -> Look:
    said = host.out("journalctl", "-q", "--no-pager", "--since", "-70min", "--grep", "Invalid user")
    count = len(said.splitlines())
    seen = f"{count} logins of unknown users within 70 minutes"
    return present(seen) if count >= MANY else absent(seen)


def _heal(host: Inside) -> None:
    if _look(host).present:
        host.run("journalctl", "--rotate")
        host.run("journalctl", "--vacuum-time=1s")
        host.run("logger", "the journal begins anew")
        _facts.wait_until(lambda: not _look(host).present, "the journal has forgotten the attempts")


FAULT = Fault("guessed-logins", "eight logins of unknown users in a row", _inject, _look, _heal)
