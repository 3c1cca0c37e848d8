"""Last night's backup of a guest failed: vzdump's own log says so. There is no vzdump here, only what it leaves behind."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

GUEST = "105"
LOG = f"/var/log/vzdump/lxc-{GUEST}.log"
TEXT = """\
2026-11-22 21:00:02 INFO: Starting Backup of VM 105 (lxc)
2026-11-22 21:00:02 INFO: status = running
2026-11-22 21:00:02 INFO: CT Name: paperless
2026-11-22 21:00:09 INFO: creating archive '/mnt/pve/store/dump/vzdump-lxc-105-2026_11_22-21_00_02.tar.zst'
2026-11-22 21:07:41 INFO: zstd: error 70 : Write error : cannot write block : No space left on device
2026-11-22 21:07:44 ERROR: Backup of VM 105 failed - command 'set -o pipefail && tar cpf - ... ' failed: exit code 70
"""


def _inject(host: Inside) -> None:
    host.write(LOG, TEXT, mode=0o640)


def _look(host: Inside) -> Look:
    if host.exists(LOG) and f"ERROR: Backup of VM {GUEST} failed" in host.read(LOG):
        return present(f"{LOG} ends with a failure")
    return absent("no log of a backup that failed")


def _heal(host: Inside) -> None:
    host.remove(LOG)


FAULT = Fault("backup-failed", "the last backup of guest 105 failed for lack of space", _inject, _look, _heal)
