"""releases: applications of the settings whose makers have released a newer version than the one that runs.

Looks for
    A higher version in the maker's own feed (GitHub, Forgejo or Atom; ``[[releases.applications]]``) than the one that the
    Debian package on the host has, or that the application says it is. One finding a host names all of them, all hosts are
    one incident: one line a day. Nothing is upgraded by itself; what the catalogue can upgrade is proposed.

Thresholds
    A version is newer or it is not. ``pinned``: shell patterns of applications that stay behind on purpose.

Looks alike but is benign
    Release candidates, betas and nightly builds, by the maker's mark or by their name, unless ``prereleases`` chooses
    them. Drafts. A release of an older branch that was published last. What a distribution adds to a version
    (``1:12.0.1-1+b1``). A build of our own that is ahead. A feed that does not answer, asks us to wait or names no release
    is *not* fine: it is blind.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.release import version
from aiops.domain.severity import Severity
from aiops.domain.testimony import Release, Told
from aiops.probes import UnreadableError
from aiops.probes.dpkg import PACKAGES, Package
from aiops.probes.releases import NEWEST

DETECTOR = Detector(
    "releases",
    "New releases of applications",
    kinds=[Kind(name="releases.newer", sentence="applications have a newer release", shared=True)],
    thresholds={"pinned": []},
)


@DETECTOR.check(PACKAGES, NEWEST, kinds=["releases.newer"])
def newer(host: Subject, packages: tuple[Package, ...], told: tuple[Told, ...]) -> Iterator[Finding]:
    """What runs against what was released; what is not known of one application hides no other one."""
    waiting: list[str] = []
    pages: list[str] = []
    unknown: list[str] = []
    for one in told:
        if not isinstance(one, Release) or host.matches(one.application, "pinned"):
            continue
        text = one.running or _installed(one.package, packages)
        runs, newest = version(text), version(one.newest)
        if one.problem:
            unknown.append(f"{one.application}: {one.problem}")
        elif runs is None:
            what = f"{text[:60]!r} is no version" if text else f"the package {one.package} is not installed here"
            unknown.append(f"{one.application}: {what}")
        elif newest is not None and newest > runs:
            waiting.append(f"{one.application} {text} -> {one.newest}")
            pages.append(one.page)
    if waiting:
        names = ", ".join(waiting[:5]) + (f" and {len(waiting) - 5} more" if waiting[5:] else "")
        yield host.finding(
            "releases.newer",
            "applications",
            Severity.INFO,
            f"newer releases: {names}",
            cause="releases:newer",
            total=len(waiting),
            applications=waiting,
            pages=pages,
        )
    if unknown:
        raise UnreadableError(
            "; ".join(unknown), "check the feed and the version's source in [[releases.applications]]"
        )


def _installed(name: str, packages: tuple[Package, ...]) -> str:
    return next((package.version for package in packages if package.name == name and package.installed), "")


@DETECTOR.show(NEWEST)
def figures(told: tuple[Told, ...]) -> dict[str, str]:
    """What was released last."""
    released = [f"{one.application} {one.newest}" for one in told if isinstance(one, Release) and one.newest]
    return {"newest releases": ", ".join(released)} if released else {}
