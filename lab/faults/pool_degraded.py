"""A ZFS pool has lost a device. A container has no ZFS: a program in the place of zpool says what a real one said."""

from lab.enter import Inside
from lab.faults._fault import Fault, Look, absent, present

PROGRAM = "/usr/sbin/zpool"
SAYS = """\
#!/bin/sh
cat <<'END'
  pool: rpool
 state: DEGRADED
status: One or more devices has been removed by the administrator.
\tSufficient replicas exist for the pool to continue functioning in a
\tdegraded state.
config:

\tNAME        STATE     READ WRITE CKSUM
\trpool       DEGRADED     0     0     0
\t  mirror-0  DEGRADED     0     0     0
\t    sda3    ONLINE       0     0     0
\t    sdb3    REMOVED      0     0     0

errors: No known data errors
END
"""


def _inject(host: Inside) -> None:
    host.write(PROGRAM, SAYS, mode=0o755)


def _look(host: Inside) -> Look:
    if host.exists(PROGRAM) and "state: DEGRADED" in host.out(PROGRAM, "status"):
        return present("zpool says that rpool is degraded")
    return absent("no pool is degraded")


def _heal(host: Inside) -> None:
    host.remove(PROGRAM)


FAULT = Fault("pool-degraded", "the pool rpool has lost a device", _inject, _look, _heal)
