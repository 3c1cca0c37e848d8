"""patrol: from a guardian's name to what has to be looked at, one shard of hosts each."""

from collections.abc import Mapping, Sequence

from aiops.detectors import Detector
from aiops.domain.sweep import Patrol
from aiops.errors import SettingsError, UnknownError
from aiops.ports import DetectionServices


def patrol(
    sweep: str,
    guardians: str | Sequence[str],
    services: DetectionServices,
    known: Mapping[str, Detector],
    *,
    hosts: Sequence[str] = (),
    started_by: str = "shell",
) -> list[Patrol]:
    """One ``Patrol`` per ``services.shard_size`` hosts; without ``hosts`` the whole inventory.

    :param guardians: one or more detectors, with or without the ``guardian-`` prefix
    A guardian whose sources are not set up has nothing to look at and is left out.

    :raises UnknownError: no such detector or host
    :raises SettingsError: a human asks for nothing but such guardians
    """
    names = [guardians] if isinstance(guardians, str) else list(guardians)
    detectors = tuple(dict.fromkeys(name.removeprefix("guardian-") for name in names))
    for detector in detectors:
        if detector not in known:
            raise UnknownError("guardian", detector, f"there are: {', '.join(sorted(known))}")
    if not detectors:
        raise UnknownError("guardian", "", f"name one of: {', '.join(sorted(known))}")
    named, detectors = detectors, tuple(name for name in detectors if not known[name].idle(services.witnesses))
    if not detectors:
        if started_by == "beat":
            return []
        raise SettingsError(", ".join(named), "what it asks is not set up: see docs/sources.md")
    targets = [services.inventory.find(host).name for host in hosts] or [
        host.name for host in services.inventory.hosts()
    ]
    size = services.shard_size
    shards = [tuple(targets[start : start + size]) for start in range(0, len(targets), size)] or [()]
    now = services.clock()
    return [
        Patrol(
            sweep=sweep,
            detectors=detectors,
            hosts=shard,
            shard=number,
            shards=len(shards),
            started_by=started_by,
            requested_at=now,
        )
        for number, shard in enumerate(shards)
    ]
