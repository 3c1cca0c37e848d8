"""upgrade-check: upgrades that wait, and knowledge about upgrades that is not to be trusted.

Looks for
    Packages with a newer version, security fixes counted apart. An upgrade that would remove a package. Packages on hold or
    kept back. Indexes that nobody could renew, archives that fail. Services and kernels that still run the version before the
    upgrade. Python distributions that must have the version the other one names (litellm and litellm-proxy-extras).

Thresholds
    ``stale_hours`` 36: apt's daily timer runs within 12 hours of its time, so a day and a half means that it failed.
    ``security_warning_days`` 2 and ``security_critical_days`` 14: how long a host may go on without the security fixes it was
    offered; an archive of security fixes is asked daily, so two days are a round that was missed. The days are counted
    by incidents from the first look that saw fixes wait, without a look that saw none: apt notes nowhere when a fix
    came out, and an archive's own date moves with every other fix.
    ``allowed_removals``: shell patterns of packages that an upgrade may take away.
    ``allowed_holds``: shell patterns of packages that are held on purpose.

Looks alike but is benign
    ``apt-get update`` ending with 0 though every signature failed is *not* benign: it is found by what it says and by the
    archives' own Valid-Until. Removals of libraries and old kernels, which a new version of another name replaces. A
    kernel status of 0 (a container does not know). needrestart not being installed. An environment with only one of the two
    distributions. A package between unpacked and configured belongs to audit-dpkg-rc.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from packaging.utils import canonicalize_name

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes.apt_lists import DAILY_UPDATE, LISTS, Lists, Update
from aiops.probes.apt_simulation import HELD, SIMULATION, Simulation
from aiops.probes.clock import CLOCK
from aiops.probes.dpkg import KERNEL, LIBRARY
from aiops.probes.needrestart import REBOOT, RESTARTS, Restarts
from aiops.probes.python_packages import PYTHON, Distribution, applies

DETECTOR = Detector(
    "upgrade-check",
    "Upgrades that wait",
    kinds=[
        Kind(name="upgrade.pending", sentence="packages have a newer version", shared=True),
        Kind(name="upgrade.security", sentence="security fixes wait, more severely the longer they do", shared=True),
        Kind(name="upgrade.would_remove", sentence="an upgrade would remove a package"),
        Kind(name="upgrade.held", sentence="a package does not follow upgrades"),
        Kind(name="upgrade.stale_indexes", sentence="nobody knows about newer versions: the indexes are old"),
        Kind(name="upgrade.repository_failed", sentence="an archive cannot be used"),
        Kind(name="upgrade.restart_needed", sentence="a service still runs the version before an upgrade"),
        Kind(name="upgrade.reboot_needed", sentence="a newer kernel waits for a reboot"),
        Kind(name="upgrade.coupled_versions", sentence="two distributions need each other in another version"),
    ],
    thresholds={
        "stale_hours": 36,
        "security_warning_days": 2,
        "security_critical_days": 14,
        "allowed_removals": [],
        "allowed_holds": [],
    },
)

_HOUR = 3600
_SHOWN = 30


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@DETECTOR.check(SIMULATION, HELD, kinds=["upgrade.pending", "upgrade.security", "upgrade.would_remove", "upgrade.held"])
def waiting(host: Subject, simulation: Simulation, held: tuple[str, ...]) -> Iterator[Finding]:
    """What an upgrade would do now."""
    if simulation.upgrades:
        security = [upgrade.name for upgrade in simulation.upgrades if upgrade.security]
        yield host.finding(
            "upgrade.pending",
            "apt",
            Severity.WARNING,
            f"{len(simulation.upgrades)} packages can be upgraded, {len(security)} of them for security",
            cause="upgrades:pending",
            total=len(simulation.upgrades),
            security=len(security),
            packages=[f"{one.name} {one.installed} -> {one.candidate}" for one in simulation.upgrades[:_SHOWN]],
            security_packages=security[:_SHOWN],
        )
        if security:
            yield _unpatched(host, security)
    for name in simulation.removed:
        plain = name.partition(":")[0]
        if not (
            KERNEL.fullmatch(plain) or LIBRARY.fullmatch(plain) or _matches(plain, host.settings["allowed_removals"])
        ):
            yield host.finding(
                "upgrade.would_remove",
                plain,
                Severity.CRITICAL,
                f"an upgrade now would remove {plain}",
                cause=f"package:{plain}",
                package=plain,
                removed=list(simulation.removed[:_SHOWN]),
            )
    for name in sorted({*simulation.kept_back, *held}):
        if not _matches(name, host.settings["allowed_holds"]):
            how = "is on hold" if name in held else "is kept back"
            yield host.finding(
                "upgrade.held",
                name,
                Severity.INFO,
                f"{name} {how}",
                cause=f"package:{name}",
                package=name,
                on_hold=name in held,
            )


def _unpatched(host: Subject, security: list[str]) -> Finding:
    days = {Severity.WARNING: "security_warning_days", Severity.CRITICAL: "security_critical_days"}
    found = host.finding(
        "upgrade.security",
        "apt",
        Severity.INFO,
        f"{len(security)} security fixes wait: {', '.join(security[:5])}",
        cause="upgrades:pending",
        security=len(security),
        security_packages=security[:_SHOWN],
    )
    ripens = {severity: 24.0 * host.settings[threshold] for severity, threshold in days.items()}
    return found.model_copy(update={"ripens": ripens})


@DETECTOR.check(LISTS, CLOCK, kinds=["upgrade.stale_indexes"])
def stale(host: Subject, lists: Lists, now: int) -> Iterator[Finding]:
    """Nobody has asked for a while, or whoever asked did not get an answer that still holds."""
    hours = (now - lists.attempted) / _HOUR
    if hours > host.settings["stale_hours"]:
        yield _stale(host, "apt", f"nobody has asked for newer versions for {hours:.0f} hours", hours=round(hours, 1))
    for archive, until in sorted(lists.valid_until.items()):
        if until.timestamp() < now:
            summary = f"the index of {archive} held until {until:%Y-%m-%d %H:%M} UTC and was not renewed"
            yield _stale(host, archive, summary, valid_until=f"{until:%Y-%m-%dT%H:%M:%SZ}")


def _stale(host: Subject, subject: str, summary: str, **more: Any) -> Finding:
    return host.finding("upgrade.stale_indexes", subject, Severity.WARNING, summary, cause="apt:indexes", **more)


@DETECTOR.check(DAILY_UPDATE, kinds=["upgrade.repository_failed", "upgrade.stale_indexes"])
def complaints(host: Subject, update: Update) -> Iterator[Finding]:
    """What the last update complained of, whatever its exit code was."""
    if update.stale:
        summary = "the last update failed without an error: apt goes on with older indexes"
        yield _stale(host, "apt-get update", summary, said=list(update.stale[:5]))
    for repository, why in update.failed.items():
        yield host.finding(
            "upgrade.repository_failed",
            repository,
            Severity.WARNING,
            f"the archive {repository} cannot be used: {why}",
            cause="apt:indexes",
            repository=repository,
            reason=why,
        )


@DETECTOR.check(RESTARTS, REBOOT, kinds=["upgrade.restart_needed", "upgrade.reboot_needed"])
def restarts(host: Subject, needed: Restarts | None, reboot: tuple[str, ...] | None) -> Iterator[Finding]:
    """Upgraded on the disk, not yet in memory."""
    for service in needed.services if needed else ():
        yield host.finding(
            "upgrade.restart_needed",
            service,
            Severity.WARNING,
            f"{service} still runs on libraries that were replaced",
            cause=f"service:{service}",
            unit=service,
        )
    kernel = needed.expected if needed and needed.kernel_waits else ""
    if kernel or reboot is not None:
        yield host.finding(
            "upgrade.reboot_needed",
            "kernel",
            Severity.INFO,
            f"a reboot waits{f': {kernel} is installed' if kernel else ''}",
            cause="reboot",
            running=needed.running if needed else "",
            expected=kernel,
            packages=list(reboot or ()),
        )


@DETECTOR.check(PYTHON, kinds=["upgrade.coupled_versions"])
def coupled(host: Subject, distributions: tuple[Distribution, ...]) -> Iterator[Finding]:
    """A requirement, behind an extra or not, on a distribution that is there in a version it does not allow."""
    there = {(one.place, one.name): one for one in distributions}
    for one in distributions:
        for requirement in one.requires:
            other = there.get((one.place, canonicalize_name(requirement.name)))
            if other and applies(requirement) and not requirement.specifier.contains(other.version, prereleases=True):
                yield host.finding(
                    "upgrade.coupled_versions",
                    f"{one.place}/{other.name}",
                    Severity.WARNING,
                    f"{one.name} {one.version} needs {requirement.name}{requirement.specifier}, but {other.version} is installed",
                    cause=f"python:{one.place}",
                    place=one.place,
                    distribution=one.name,
                    version=one.version,
                    needs=f"{requirement.name}{requirement.specifier}",
                    installed=other.version,
                )


@DETECTOR.show(SIMULATION)
def figures(simulation: Simulation) -> dict[str, str]:
    """How much waits."""
    security = sum(upgrade.security for upgrade in simulation.upgrades)
    return {"upgrades": f"{len(simulation.upgrades)} wait, {security} for security"}
