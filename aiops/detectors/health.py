"""health: services that should run and do not, that only seem to, and pages nobody serves.

Looks for
    Enabled services that are down. Services that systemd restarts over and over. Processes that live on while their
    package is gone: active, listening and useless. Other failed units. Pages that do not answer.

Thresholds
    ``restarts`` 5 within ``restart_minutes`` 60: samber's awesome-prometheus-alerts, SystemdServiceCrashLooping. One look
    knows the number since somebody last started the service and the moment of the last change, not when each restart was:
    more than 5 in all and the last change within the hour is taken for a loop.
    ``benign_in_container``: units that cannot work in a container by design (canonical/lxd#6676, lxc/lxc#3903,
    systemd#6519). ``minor``: failed units worth an info only. ``may_be_down``: enabled services that end by themselves.
    All three are shell patterns of unit names.
    Pages: every status below 400 is well; 10 s to answer, as the operator's own check.

Looks alike but is benign
    A service killed and restarting at this moment; services started by a socket, timer or path; oneshot services that did
    their work; a service whose condition does not hold, or whose target is not reached; a login prompt that restarts after
    each log-out; a changed program that waits for its restart (its unit file is still there). A service whose package is
    gone is not called dead: no restart would help it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.ports import Page
from aiops.probes.clock import CLOCK
from aiops.probes.dpkg import OWNERS, PACKAGES, Package, left
from aiops.probes.http import PAGES, figure, figure_name, served
from aiops.probes.systemd import CONTAINER, EXECUTABLES, UNIT_FILES, UNIT_FOLDERS, UNITS, Unit

DETECTOR = Detector(
    "health",
    "Services that do their work",
    kinds=[
        Kind(name="service.dead", sentence="a service that should run does not"),
        Kind(name="service.crash_loop", sentence="a service is restarted over and over"),
        Kind(name="service.package_gone", sentence="a service's package is gone"),
        Kind(name="service.deleted_program", sentence="a process runs on though its program and unit file are deleted"),
        Kind(name="unit.failed", sentence="a unit has failed"),
        Kind(name="http.down", sentence="a page is not served"),
    ],
    thresholds={
        "restarts": 5,
        "restart_minutes": 60,
        "benign_in_container": [
            *("sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "dev-hugepages.mount"),
            *(
                "dev-mqueue.mount",
                "proc-sys-fs-binfmt_misc.*",
                "systemd-journald-audit.socket",
                "*-wait-online.service",
            ),
            *("systemd-modules-load.service", "systemd-remount-fs.service", "systemd-sysctl.service", "systemd-udevd*"),
        ],
        "minor": ["fwupd-refresh.service", "*-wait-online.service"],
        "may_be_down": ["irqbalance.service", "getty@*.service", "serial-getty@*.service", "console-getty.service"],
    },
)


def _matches(unit: Unit, patterns: list[str]) -> bool:
    return any(fnmatchcase(unit.name, pattern) for pattern in patterns)


def _finding(
    host: Subject, kind: str, unit: Unit, severity: Severity, summary: str, *, cause: str = "", **more: str
) -> Finding:
    since = unit.since()
    return host.finding(
        kind,
        unit.name,
        severity,
        summary,
        cause=cause or f"service:{unit.name}",
        unit=unit.name,
        load_state=unit["LoadState"],
        active_state=unit["ActiveState"],
        sub_state=unit["SubState"],
        result=unit["Result"],
        exit_status=unit["ExecMainStatus"],
        n_restarts=unit.restarts,
        since=f"{since:%Y-%m-%dT%H:%M:%SZ}" if since else "",
        **more,
    )


class _Ownership:
    """Whose unit it is, and whether that package is gone."""

    def __init__(self, packages: tuple[Package, ...], owners: Mapping[str, str], files: frozenset[str]) -> None:
        self.leftover = {package.name for package in left(packages)}
        self.installed = {package.name for package in packages if package.installed}
        self.owners, self.files = owners, files

    def package(self, unit: Unit) -> str:
        """The package that owns the init script or defaults file of this name; else the unit's own name."""
        return self.owners.get(unit.stem, unit.stem)

    def cause(self, unit: Unit) -> str:
        """The label audit-dpkg-rc gives to the same trouble."""
        return f"package:{self.package(unit)}"

    def file_gone(self, unit: Unit) -> bool:
        """Whether the file that systemd read the unit from is no longer there."""
        path = unit["FragmentPath"]
        return path.rpartition("/")[0] in UNIT_FOLDERS and path not in self.files

    def gone(self, unit: Unit) -> bool:
        """Whether nothing is left that a restart could start."""
        if unit["LoadState"] == "not-found":
            return True
        removed = self.package(unit) in self.leftover - self.installed
        own_file = unit["FragmentPath"].startswith("/etc/systemd/system/") and not self.file_gone(unit)
        return self.file_gone(unit) or (removed and not own_file)


Files = frozenset[str]


@DETECTOR.check(UNITS, UNIT_FILES, PACKAGES, OWNERS, kinds=["service.package_gone"])
def package_gone(
    host: Subject, units: tuple[Unit, ...], files: Files, packages: tuple[Package, ...], owners: Mapping[str, str]
) -> Iterator[Finding]:
    """Running, but nothing of it is left on the disk: a restart would be its end."""
    ownership = _Ownership(packages, owners, files)
    for unit in units:
        if unit.service and unit["ActiveState"] == "active" and ownership.gone(unit):
            yield _finding(
                host,
                "service.package_gone",
                unit,
                Severity.CRITICAL,
                f"{unit.name} is {unit['SubState']}, but its package {ownership.package(unit)} is gone",
                cause=ownership.cause(unit),
                package=ownership.package(unit),
                unit_file=unit["FragmentPath"],
            )


@DETECTOR.check(UNITS, UNIT_FILES, OWNERS, EXECUTABLES, kinds=["service.deleted_program"])
def deleted_program(
    host: Subject, units: tuple[Unit, ...], files: Files, owners: Mapping[str, str], deleted: Mapping[int, str]
) -> Iterator[Finding]:
    """The kernel's own word for it: the main process runs a deleted file, and its unit file is gone as well."""
    ownership = _Ownership((), owners, files)
    for unit in units:
        program = deleted.get(int(unit["MainPID"] or 0), "")
        if unit.service and unit.up and program and ownership.gone(unit):
            yield _finding(
                host,
                "service.deleted_program",
                unit,
                Severity.CRITICAL,
                f"{unit.name} still runs {program}, which has been deleted with its unit file",
                cause=ownership.cause(unit),
                package=ownership.package(unit),
                program=program,
            )


@DETECTOR.check(UNITS, UNIT_FILES, PACKAGES, OWNERS, kinds=["service.dead"])
def dead(
    host: Subject, units: tuple[Unit, ...], files: Files, packages: tuple[Package, ...], owners: Mapping[str, str]
) -> Iterator[Finding]:
    """Enabled, wanted by a target that is reached, and not running."""
    ownership = _Ownership(packages, owners, files)
    reached = {unit.name for unit in units if unit.name.endswith(".target") and unit["ActiveState"] == "active"}
    for unit in units:
        if _should_run(unit, reached) and not unit.up and not ownership.gone(unit):
            if _matches(unit, host.settings["may_be_down"]):
                continue
            never = unit["ActiveState"] == "inactive" and not unit["ConditionTimestamp"]
            how = "was never started" if never else f"is {unit['ActiveState']} ({unit['Result']})"
            yield _finding(
                host,
                "service.dead",
                unit,
                Severity.WARNING if never else Severity.CRITICAL,
                f"{unit.name} should run, but it {how}",
            )


def _should_run(unit: Unit, reached: set[str]) -> bool:
    wanted = {*unit.words("WantedBy"), *unit.words("RequiredBy")}
    refused = bool(unit["ConditionTimestamp"]) and unit["ConditionResult"] == "no"
    return (
        unit.service
        and unit["LoadState"] == "loaded"
        and unit["UnitFileState"] in {"enabled", "enabled-runtime"}
        and unit["Type"] != "oneshot"
        and not unit["TriggeredBy"]
        and not refused
        and not wanted.isdisjoint(reached)
    )


@DETECTOR.check(UNITS, CLOCK, kinds=["service.crash_loop"])
def crash_loop(host: Subject, units: tuple[Unit, ...], now: int) -> Iterator[Finding]:
    """Active at this moment, or about to be, and not for long."""
    recent = datetime.fromtimestamp(now, UTC) - timedelta(minutes=host.settings["restart_minutes"])
    for unit in units:
        since = unit.since()
        looping = unit.service and unit.up and unit.restarts > host.settings["restarts"]
        if looping and since and since > recent and not _matches(unit, host.settings["may_be_down"]):
            yield _finding(
                host,
                "service.crash_loop",
                unit,
                Severity.CRITICAL,
                f"{unit.name} has been restarted {unit.restarts} times, the last time at {since:%H:%M} UTC",
            )


@DETECTOR.check(UNITS, UNIT_FILES, PACKAGES, OWNERS, CONTAINER, kinds=["unit.failed"])
def failed(
    host: Subject,
    units: tuple[Unit, ...],
    files: Files,
    packages: tuple[Package, ...],
    owners: Mapping[str, str],
    container: str,
) -> Iterator[Finding]:
    """Failed units that ``service.dead`` does not speak of."""
    ownership = _Ownership(packages, owners, files)
    reached = {unit.name for unit in units if unit.name.endswith(".target") and unit["ActiveState"] == "active"}
    benign = host.settings["benign_in_container"] if container not in ("", "none") else []
    for unit in units:
        if unit["ActiveState"] != "failed" or _matches(unit, benign):
            continue
        gone = unit.service and ownership.gone(unit)
        if _should_run(unit, reached) and not gone and not _matches(unit, host.settings["may_be_down"]):
            continue
        minor = _matches(unit, host.settings["minor"])
        yield _finding(
            host,
            "unit.failed",
            unit,
            Severity.INFO if minor else Severity.WARNING,
            f"{unit.name} has failed ({unit['Result']})" + (", and its package is gone" if gone else ""),
            cause=ownership.cause(unit) if gone else "",
        )


@DETECTOR.check(PAGES, kinds=["http.down"])
def pages(host: Subject, answers: tuple[Page, ...]) -> Iterator[Finding]:
    """One miss is a warning; that it is still so at the next look is for correlation to weigh."""
    for page in answers:
        if not served(page):
            said = f"answers {page.status}" if page.status else f"does not answer: {page.reason}"
            yield host.finding(
                "http.down",
                page.url,
                Severity.WARNING,
                f"{page.url} {said}",
                cause=f"page:{page.url}",
                url=page.url,
                status=page.status,
                reason=page.reason,
                seconds=round(page.seconds, 3),
            )


@DETECTOR.show(UNITS)
def figures(units: tuple[Unit, ...]) -> Mapping[str, str]:
    """How many services there are, and how many of them run."""
    services = [unit for unit in units if unit.service]
    return {"services": f"{len(services)} known to systemd, {sum(unit.up for unit in services)} up"}


@DETECTOR.show(PAGES)
def page_figures(answers: tuple[Page, ...]) -> Mapping[str, str]:
    """Each page with how fast it answered."""
    return {figure_name(page.url): figure(page) for page in answers}
