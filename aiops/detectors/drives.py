"""drives: pools, arrays and drives that are about to fail, on hosts that have any.

Looks for
    ZFS pools and software RAIDs that run without one of their devices. Drives that say of themselves that they fail, with errors
    of their media, sectors that cannot be read, or reserves that are used up.

Thresholds
    ``crc_errors`` 100: errors of the cable, counted over the drive's whole life; a few come with every re-plugging.
    ``virtual_drives``: drives, as /dev/sda, that know nothing about themselves because they are a hypervisor's.
    Everything else is critical from one on: Samber's awesome-prometheus-alerts (SmartMediaErrors) and smartctl's own word.

Looks alike but is benign
    "errors: No known data errors" on a pool that is degraded all the same; "action: zpool upgrade" on one that is well. A RAID
    that is being rebuilt (a warning). An exit status of smartctl other than 0, which is a mask. A drive that sleeps
    (blind: it was not woken). A container, which has none of all this.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.drives import ARRAYS, DEVICES, DRIVES, POOLS, Array, Drive, Pool

DETECTOR = Detector(
    "drives",
    "Drives that are about to fail",
    kinds=[
        Kind(name="drive.pool_degraded", sentence="a ZFS pool has lost a device or data"),
        Kind(name="drive.array_degraded", sentence="a software RAID has lost a device"),
        Kind(name="drive.failing", sentence="a drive says that it fails"),
        Kind(name="drive.media_errors", sentence="a drive cannot read what it wrote"),
        Kind(name="drive.cable", sentence="a drive's cable loses data"),
    ],
    thresholds={"crc_errors": 100, "virtual_drives": []},
)


@DETECTOR.check(POOLS, kinds=["drive.pool_degraded"])
def pools(host: Subject, found: tuple[Pool, ...]) -> Iterator[Finding]:
    """The state, not what the pool says about its data."""
    for pool in found:
        lost = pool.errors not in ("", "No known data errors")
        if pool.state != "ONLINE" or lost:
            yield host.finding(
                "drive.pool_degraded",
                pool.name,
                Severity.CRITICAL,
                f"the pool {pool.name} is {pool.state}"
                + (f", without {', '.join(pool.faulty)}" if pool.faulty else ""),
                cause=f"pool:{pool.name}",
                state=pool.state,
                devices=list(pool.faulty),
                errors=pool.errors,
            )


@DETECTOR.check(ARRAYS, kinds=["drive.array_degraded"])
def arrays(host: Subject, found: tuple[Array, ...]) -> Iterator[Finding]:
    """Fewer devices at work than there should be."""
    for array in found:
        if array.working < array.wanted:
            yield host.finding(
                "drive.array_degraded",
                array.name,
                Severity.WARNING if array.rebuilding else Severity.CRITICAL,
                f"{array.name} works with {array.working} of {array.wanted} devices",
                cause=f"array:{array.name}",
                wanted=array.wanted,
                working=array.working,
                failed=array.failed,
                rebuilding=array.rebuilding,
            )


@DETECTOR.check(DEVICES, *DRIVES, kinds=["drive.failing", "drive.media_errors", "drive.cable"])
def drives(host: Subject, devices: frozenset[str], *answers: Drive | None) -> Iterator[Finding]:
    """What the drive itself counts."""
    found = [drive for drive in answers if drive]
    for drive in found:
        yield from _judge(host, drive)
    silent = devices - {drive.name for drive in found} - set(host.settings["virtual_drives"])
    if silent:
        named = ", ".join(sorted(silent))
        raise UnreadableError(f"nothing is known about {named}", "install smartmontools, or name it in virtual_drives")


def _judge(host: Subject, drive: Drive) -> Iterator[Finding]:
    if not drive.passed or drive.spare_low:
        yield _finding(host, "drive.failing", Severity.CRITICAL, drive, f"{drive.name} says that it fails")
    elif bad := drive.media_errors or drive.pending or drive.uncorrectable:
        yield _finding(host, "drive.media_errors", Severity.CRITICAL, drive, f"{drive.name} could not read {bad} times")
    if drive.crc_errors > host.settings["crc_errors"]:
        summary = f"the cable of {drive.name} lost data {drive.crc_errors} times"
        yield _finding(host, "drive.cable", Severity.WARNING, drive, summary)


def _finding(host: Subject, kind: str, severity: Severity, drive: Drive, summary: str) -> Finding:
    return host.finding(
        kind,
        drive.name,
        severity,
        summary,
        cause=f"drive:{drive.name}",
        reallocated=drive.reallocated,
        pending=drive.pending,
        uncorrectable=drive.uncorrectable,
        media_errors=drive.media_errors,
        crc_errors=drive.crc_errors,
    )
