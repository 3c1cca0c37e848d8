"""The encrypted archive of the configurations is sixty hours old: two nights have made none."""

import time

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

ARCHIVE = "/var/backups/config/etc.tar.age"
HEADER = "age-encryption.org/v1\n-> X25519 bm90IGEga2V5LCBhbmQgbm90aGluZyBpcyBpbiBoZXJl\n"
HOURS, OLD = 60, 50


def renew(host: Inside) -> None:
    """A fresh archive, as every night should make one."""
    host.write(ARCHIVE, HEADER + "x" * 4000)


def _inject(host: Inside) -> None:
    host.run("touch", f"--date={HOURS} hours ago", ARCHIVE)


def _look(host: Inside) -> Look:
    if not host.exists(ARCHIVE):
        return absent("this host keeps no archive")
    hours = (time.time() - float(host.out("stat", "--format=%Y", ARCHIVE))) / 3600
    said = f"{ARCHIVE} is {hours:.0f} hours old"
    return present(said) if hours > OLD else absent(said)


def _heal(host: Inside) -> None:
    if host.exists(ARCHIVE):
        renew(host)


FAULT = Fault("config-archive-old", "the archive of the configurations is 60 hours old", _inject, _look, _heal, renew)
