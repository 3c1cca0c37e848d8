"""date: the host's own clock, because times it prints are only comparable with it."""

from datetime import datetime

from aiops.probes import Probe, UnreadableError

CLOCK = Probe(name="clock", argv=("date", "+%s"), read=int)

TOLERANCE = 300
"""Seconds between the host's clock and ours: Kerberos' own limit (``clockskew`` in krb5.conf), beyond which it trusts no time."""

_HOUR = 3600


def agree(host: int, asked: datetime, answered: datetime) -> None:
    """Whether the host's clock was read between these two moments of ours.

    A clock that was moved makes what happened before look older or younger than it is, so nothing that has an age can be judged.

    :raises UnreadableError: it is further away than the tolerance
    """
    ahead = host - answered.timestamp()
    behind = asked.timestamp() - host
    if max(ahead, behind) > TOLERANCE:
        way, seconds = ("ahead of", ahead) if ahead > 0 else ("behind", behind)
        far = f"{seconds / _HOUR:.1f} hours" if seconds >= _HOUR else f"{seconds / 60:.0f} minutes"
        raise UnreadableError(
            f"the host's clock is {far} {way} ours, so the age of nothing can be told",
            "set the host's clock (timedatectl; in a container that of its node), or ours if every host says this",
        )
