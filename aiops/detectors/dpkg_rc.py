"""audit-dpkg-rc: packages that are gone, broken or left over, and who took them away.

Looks for
    A package that apt removed while it was asked to install or upgrade something else, and that is still missing: this is
    how one homelab lost its SIEM manager to the SIEM's own agent. dpkg's state says that it is gone, apt's history says
    why. Packages that are neither installed nor removed. Leftover configuration of packages removed for other reasons.

Thresholds
    ``allowed_leftovers``: shell patterns of packages that may stay in state rc; libzfs and its sisters are normal
    on Proxmox nodes (the operator's own list).
    ``allowed_removals``: shell patterns of packages that may be replaced by another one.
    ``history_days`` 365: how long a package without any trace in dpkg counts as missing; apt keeps a year of history.

Looks alike but is benign
    Removals by remove, purge or autoremove, or asked for with ``package-``. A removal that was undone. Old kernels (one
    finding, info: every kernel upgrade leaves one) and libraries that a newer version replaced. Packages removed along with
    an upgrade that was allowed to autoremove. Held packages. States in between while dpkg is at work.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.probes import UnreadableError
from aiops.probes.apt_history import HISTORY, Item, Transaction
from aiops.probes.dpkg import KERNEL, LIBRARY, PACKAGES, Package, left
from aiops.probes.processes import PROCESSES

DETECTOR = Detector(
    "audit-dpkg-rc",
    "Packages that are gone or broken",
    kinds=[
        Kind(name="package.removed", sentence="apt removed a package while installing another one"),
        Kind(
            name="package.removed_by_install",
            sentence="an installation removed a package that nobody asked to remove",
            persistence="occurrence",
        ),
        Kind(name="package.leftover", sentence="a removed package has left its configuration behind"),
        Kind(name="package.broken", sentence="a package is neither installed nor removed"),
    ],
    thresholds={
        "allowed_leftovers": ["libzfs*linux", "libzpool*linux", "libnvpair*linux", "libuutil*linux"],
        "allowed_removals": [],
        "history_days": 365,
    },
)

_LIBRARY_SECTIONS = frozenset({"libs", "oldlibs", "libdevel", "introspection", "debug"})
_DPKG = re.compile(r"(/usr/bin/)?dpkg( .*)?")


def _removals(
    host: Subject, packages: tuple[Package, ...], history: tuple[Transaction, ...]
) -> Iterator[tuple[Item, Transaction]]:
    """Packages that are missing because their last transaction took them away unasked."""
    ever_gone = {(item.name, item.architecture) for transaction in history for item in transaction.gone}
    if not ever_gone:
        return
    last: dict[tuple[str, str], tuple[Item, Transaction]] = {}
    for transaction in history:
        for item in (*transaction.installed, *transaction.changed, *transaction.gone):
            if (item.name, item.architecture) in ever_gone:
                last[item.name, item.architecture] = (item, transaction)
    # apt writes the native architecture for packages of architecture "all"
    rows = {(package.name, package.architecture): package for package in packages}
    oldest = f"{host.now - timedelta(days=host.settings['history_days']):%Y-%m-%d}"
    taken = [(key, found) for key, found in last.items() if found[0] in found[1].gone]
    for (name, architecture), (item, transaction) in sorted(taken):
        row = rows.get((name, architecture)) or rows.get((name, "all"))
        if (row and row.installed) or (not row and transaction.start < oldest):
            continue
        if _unasked(transaction, item) and not _replaceable(host, item, row):
            yield item, transaction


def _unasked(transaction: Transaction, item: Item) -> bool:
    brought = transaction.installed or transaction.changed
    if not brought or transaction.verb == "remove" or transaction.names_to_remove(item.name):
        return False
    return not (transaction.verb == "upgrade" and transaction.may_autoremove)


def _replaceable(host: Subject, item: Item, row: Package | None) -> bool:
    if any(fnmatchcase(item.name, pattern) for pattern in host.settings["allowed_removals"]):
        return True
    if KERNEL.fullmatch(item.name) or (row and row.family in {*_LIBRARY_SECTIONS, "kernel"}):
        return True
    return row is None and bool(LIBRARY.fullmatch(item.name))


@DETECTOR.check(PACKAGES, HISTORY, kinds=["package.removed", "package.removed_by_install", "package.leftover"])
def removed(host: Subject, packages: tuple[Package, ...], history: tuple[Transaction, ...]) -> Iterator[Finding]:
    """What is gone: by whom, where the history knows; as a leftover where it does not."""
    gone: set[str] = set()
    for item, transaction in _removals(host, packages, history):
        gone.add(item.name)
        codes = {package.name: package.code for package in packages if package.name == item.name}
        yield from _removed(host, item, transaction, codes.get(item.name, ""))
    leftovers = [package for package in left(packages) if package.name not in gone]
    yield from _leftovers(host, [package for package in leftovers if not _allowed(host, package)])


def _removed(host: Subject, item: Item, transaction: Transaction, code: str) -> Iterator[Finding]:
    intruders = ", ".join(transaction.intruders)
    evidence: dict[str, Any] = {
        "package": item.name,
        "version": item.version,
        "intruder": list(transaction.intruders),
        "commandline": transaction.commandline,
        "requested_by": transaction.requested_by,
        "at": transaction.start,
        "state": code or "not known to dpkg",
        "history": _history(transaction),
    }
    yield host.finding(
        "package.removed",
        item.name,
        Severity.CRITICAL,
        f"{item.name} {item.version} is gone: apt removed it on {transaction.start} while installing {intruders}",
        cause=f"package:{item.name}",
        **evidence,
    )
    yield host.finding(
        "package.removed_by_install",
        item.name,
        Severity.CRITICAL,
        f"on {transaction.start} the installation of {intruders} removed {item.name} {item.version}",
        cause=f"package:{item.name}",
        cursor=f"{transaction.start} {item.name}",
        **evidence,
    )


def _history(transaction: Transaction) -> str:
    """The transaction in a few lines, for a human: who asked for what, and what went."""
    gone = ", ".join(f"{item.name} ({item.version})" for item in transaction.gone[:20])
    return f"Start-Date: {transaction.start}\nCommandline: {transaction.commandline}\nRemove: {gone}"


def _allowed(host: Subject, package: Package) -> bool:
    return any(fnmatchcase(package.name, pattern) for pattern in host.settings["allowed_leftovers"])


def _leftovers(host: Subject, leftovers: list[Package]) -> Iterator[Finding]:
    kernels = [package for package in leftovers if package.family == "kernel" or KERNEL.fullmatch(package.name)]
    for package in leftovers:
        if package not in kernels:
            yield host.finding(
                "package.leftover",
                package.name,
                Severity.WARNING,
                f"{package.name} {package.version} was removed, its configuration is still there",
                cause=f"package:{package.name}",
                package=package.name,
                version=package.version,
                state=package.code,
            )
    if kernels:
        yield host.finding(
            "package.leftover",
            "linux-image",
            Severity.INFO,
            f"{len(kernels)} packages of old kernels were removed, their configuration is still there",
            cause="package:linux-image",
            packages=[package.name for package in kernels],
            state="rc",
        )


_BROKEN = frozenset({"half-installed", "unpacked", "half-configured"})
_WAITING = frozenset({"triggers-awaited", "triggers-pending"})
_UNFINISHED = _BROKEN | _WAITING


@DETECTOR.check(PACKAGES, PROCESSES, kinds=["package.broken"])
def broken(host: Subject, packages: tuple[Package, ...], processes: Mapping[int, str]) -> Iterator[Finding]:
    """Packages whose installation or removal stopped half-way."""
    suspects = [
        package
        for package in packages
        if package.status in _UNFINISHED or (package.flag == "reinstreq" and package.status != "not-installed")
    ]
    if suspects and any(_DPKG.fullmatch(arguments) for arguments in processes.values()):
        raise UnreadableError(
            "dpkg is at work, so the states of packages are in between", "look again in a few minutes"
        )
    for package in suspects:
        waiting = package.status in _WAITING and package.flag != "reinstreq"
        yield host.finding(
            "package.broken",
            package.name,
            Severity.WARNING if waiting else Severity.CRITICAL,
            f"{package.name} {package.version} is {package.status}",
            cause=f"package:{package.name}",
            package=package.name,
            architecture=package.architecture,
            version=package.version,
            state=package.code,
            status=package.status,
            reinstall_required=package.flag == "reinstreq",
        )


@DETECTOR.show(PACKAGES, HISTORY)
def figures(packages: tuple[Package, ...], history: tuple[Transaction, ...]) -> Mapping[str, str]:
    """How much was read."""
    return {
        "packages": f"{len(packages)} known to dpkg, {len(left(packages))} leftover; {len(history)} transactions in apt's history"
    }
