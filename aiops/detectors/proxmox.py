"""proxmox: what only the cluster knows of its nodes, storages, tasks and guests.

Looks for
    Nodes that are offline and clusters without a quorum. Storages that fill up, also those no host mounts, and storages
    that a node cannot use. Tasks that failed, the backups among them told guest by guest from their logs. Guests in no
    backup job. Guests that stand still while the inventory says that they are up. All through a token that may only read.

Thresholds
    ``warning_percent`` 80 and ``critical_percent`` 95 of a storage: awesome-prometheus-alerts, PveStorageFillingUp and
    PveStorageAlmostFull.
    ``task_hours`` 26: a failed task speaks for a night and two hours; the same task ending well since takes it back.
    ``ignore_tasks``: shell patterns of task types that say nothing about health (a console that was closed).
    ``ignore_storages``: shell patterns of storage names, for one that is switched on only for the backup.
    ``ignore_guests``: shell patterns of numbers that need no backup (templates, test machines).

Looks alike but is benign
    "could not notify" after a backup that finished: only the mail failed. Warnings, which are neither OK nor failed. A node
    or a guest that sleeps by design (``aiops_expected_state``), and its storages. A guest that nobody keeps in the
    inventory. A guest locked by a backup at this moment. A storage that is not there because its node is off. The list
    of backups in a storage is empty for a token that only reads, so nothing is concluded from it.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.testimony import GuestState, Node, Quorum, Storage, TaskEnd, Told, Uncovered
from aiops.probes.proxmox import GUESTS, NODES, STORAGES, TASKS, UNCOVERED

DETECTOR = Detector(
    "proxmox",
    "Nodes, storages and guests as the cluster sees them",
    kinds=[
        Kind(name="node.down", sentence="a Proxmox node is offline"),
        Kind(
            name="cluster.not_quorate", sentence="a Proxmox cluster has no quorum, so nothing can be changed or started"
        ),
        Kind(name="storage.full", sentence="a Proxmox storage is nearly full", shared=True),
        Kind(name="storage.inactive", sentence="a node cannot use a storage it should have", shared=True),
        Kind(name="task.failed", sentence="the newest task of its sort failed on a Proxmox node"),
        Kind(name="guest.unprotected", sentence="a guest is in no backup job"),
        Kind(name="guest.stopped", sentence="a guest stands still that should run"),
    ],
    thresholds={
        "warning_percent": 80,
        "critical_percent": 95,
        "task_hours": 26,
        "ignore_tasks": ["vncproxy", "vncshell", "termproxy", "spiceproxy", "spiceshell", "aptupdate"],
        "ignore_storages": [],
        "ignore_guests": [],
    },
)

_HOUR = 3600
_GIB = 1024**3


@DETECTOR.check(NODES, kinds=["node.down", "cluster.not_quorate"])
def nodes(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """What the rest of the cluster says of a node; and whether there are enough of them."""
    for one in told:
        if isinstance(one, Node) and not one.online and host.host.expected_state == "up":
            name = one.machine.name
            summary = f"node {name} is offline, says the cluster"
            yield host.finding("node.down", name, Severity.CRITICAL, summary, cause=f"node:{name}", node=name)
        if isinstance(one, Quorum) and not one.quorate:
            yield host.finding(
                "cluster.not_quorate",
                one.cluster,
                Severity.CRITICAL,
                f"cluster {one.cluster} has no quorum"
                + (f"; offline: {', '.join(one.missing)}" if one.missing else ""),
                cause=f"cluster:{one.cluster}",
                cluster=one.cluster,
                missing=list(one.missing),
            )


@DETECTOR.check(STORAGES, kinds=["storage.full", "storage.inactive"])
def storages(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """How full each storage of a node is."""
    for one in told:
        if not isinstance(one, Storage) or host.matches(one.name, "ignore_storages"):
            continue
        subject = one.name if one.shared else f"{one.machine.name}/{one.name}"
        if not one.available:
            if host.host.expected_state == "up":
                summary = f"{one.machine.name} cannot use the storage {one.name}"
                yield host.finding(
                    "storage.inactive", subject, Severity.WARNING, summary, cause=f"storage:{subject}", storage=one.name
                )
            continue
        percent = 100 * one.used / one.total if one.total else 0
        if percent >= host.settings["warning_percent"]:
            full = percent >= host.settings["critical_percent"]
            yield host.finding(
                "storage.full",
                subject,
                Severity.CRITICAL if full else Severity.WARNING,
                f"the storage {one.name} of {one.machine.name} is {percent:.0f} % full,"
                f" {(one.total - one.used) / _GIB:.1f} GiB are left",
                cause=f"storage:{subject}",
                storage=one.name,
                percent=round(percent, 1),
                free_bytes=one.total - one.used,
                shared=one.shared,
            )


@DETECTOR.check(TASKS, kinds=["task.failed"])
def tasks(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """The newest end of each sort of task; of a backup, guest by guest."""
    now = host.now.timestamp()
    for one in told:
        if not isinstance(one, TaskEnd) or one.good or host.matches(one.name, "ignore_tasks"):
            continue
        if now - one.at > host.settings["task_hours"] * _HOUR or host.matches(one.guest, "ignore_guests"):
            continue
        backup = one.name == "vzdump"
        what = f"the {one.name} of guest {one.guest}" if one.guest else f"the task {one.name}"
        yield host.finding(
            "task.failed",
            f"{one.name}:{one.guest}" if one.guest else one.name,
            Severity.CRITICAL if backup else Severity.WARNING,
            f"{what} on {one.machine.node or one.machine.name} failed: {one.reason[:200]}",
            cause=f"backup:{one.guest}" if backup and one.guest else f"task:{one.name}",
            task=one.name,
            guest=one.guest,
            reason=one.reason[:500],
            why=one.cause,
            ended_at=one.at,
        )


@DETECTOR.check(UNCOVERED, kinds=["guest.unprotected"])
def unprotected(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """Guests that a full restore would not bring back."""
    for one in told:
        if isinstance(one, Uncovered) and not host.matches(str(one.number), "ignore_guests"):
            yield host.finding(
                "guest.unprotected",
                str(one.number),
                Severity.WARNING,
                f"guest {one.number} ({one.machine.name}) is in no backup job",
                cause=f"backup:{one.number}",
                guest=str(one.number),
                name=one.machine.name,
            )


@DETECTOR.check(GUESTS, kinds=["guest.stopped"])
def stopped(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """A guest of the inventory that is expected up and does not run; of one nobody expects, nothing is said."""
    for one in told:
        ours = isinstance(one, GuestState) and one.machine.is_host(host.host)
        if isinstance(one, GuestState) and ours and one.status == "stopped" and host.host.expected_state == "up":
            if one.locked == "backup":
                continue
            yield host.finding(
                "guest.stopped",
                str(one.machine.number),
                Severity.WARNING,
                f"{one.machine.name} ({one.machine.number}) is stopped on {one.machine.node}, and it should run",
                cause=f"guest:{one.machine.number}",
                node=one.machine.node,
                locked=one.locked,
            )
