"""The sequence of a backup run, pure: from what is recorded to what comes next. Nothing here touches a host.

    look -> wake -> wait -> storage on -> lists -> vzdump -> prune -> collect -> restore test     left out after a failure or stop
    -> what the test left -> storage off -> shutdown                                              always

The nodes go side by side, a node's guests one after the other: vzdump itself holds a lock per node, so more would only wait.
What was never begun is not undone; a store that was awake before is not shut down; nothing is switched off under somebody's feet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from aiops.domain.backup import Night, StepRecord

Sort = Literal["command", "quiet", "look", "wait", "off", "pick", "stop"]
"""A ``command`` is run once on its host, a ``quiet`` one again and again until nothing runs there that minds; after an ``off``
the host must not answer any more. ``look`` and ``wait`` ask whether it answers; ``pick`` draws a lot; ``stop`` asks what runs on
the host to end.
"""

WAKINGS: Final = 3
"""A magic packet is a datagram that nobody acknowledges."""
OFF_TRIES: Final = 3
_SHORT, _MEDIUM = 120.0, 900.0
"""Seconds: for what answers at once, and for what waits for a lock of the cluster or of a storage."""
_POWER_OFF = 600.0
_RESTORE = 7200.0


@dataclass(frozen=True)
class Step:
    """Something to be done or looked at now. ``seconds`` is how long it may take; ``cleanup`` is done whatever happened."""

    key: str
    host: str
    sort: Sort = "command"
    argv: tuple[str, ...] = ()
    seconds: float = _SHORT
    cleanup: bool = False


def next_steps(night: Night) -> list[Step]:
    """What may be begun or looked at now; nothing when the run is over."""
    main = list(_main(night))
    if night.stop:
        begun = [step for step in main if step.key in night.known]
        hosts = dict.fromkeys(step.host for step in begun if step.sort == "command")
        stops = [Step(f"stop-{host}", host, "stop", cleanup=True) for host in hosts]
        main = [stop for stop in stops if not _ended(night, stop.key)] + begun
    return main or list(_cleanup(night))


def awake_before(night: Night) -> bool:
    """Whether the store was up before the run came; then it is somebody's and stays up."""
    return _text(night, "look") != "asleep"


def guests_of(night: Night, node: str) -> list[tuple[str, str]]:
    """The node's guests as ``(number, lxc or qemu)`` that are in the scope, in their order."""
    found = [(guest, sort) for sort, key in (("lxc", "cts"), ("qemu", "vms")) for guest in _listed(night, key, node)]
    return sorted(one for one in found if one[0] not in night.scope.exclude)


def _listed(night: Night, key: str, node: str) -> list[str]:
    return _text(night, f"{key}-{node}").split() if _done(night, f"{key}-{node}") else []


def _main(night: Night) -> Iterator[Step]:
    waking, awake = _awake(night)
    if waking or not awake:
        yield from waking
        return
    nodes = [step for node in night.scope.nodes for step in _node(night, node)]
    if nodes:
        yield from nodes
        return
    scope = night.scope
    collect = ("proxmox-backup-manager", "garbage-collection", "start", scope.datastore)
    if scope.datastore and not _ended(night, "collect"):
        yield Step("collect", scope.store, argv=collect, seconds=scope.collect_minutes * 60)
    elif scope.restore_test:
        yield from _restore_test(night)


def _awake(night: Night) -> tuple[list[Step], bool]:
    """What comes next until the store is awake, and whether it is."""
    scope = night.scope
    if not _ended(night, "look"):
        return [Step("look", scope.store, "look")], False
    if not _done(night, "look") or _text(night, "look") == "awake":
        return [], _done(night, "look")
    argv = ("wakeonlan", scope.mac) if scope.mac else ("pvenode", "wakeonlan", scope.store)
    for n in range(1, WAKINGS + 1):
        node = scope.nodes[(n - 1) % len(scope.nodes)]
        if not _ended(night, f"wake-{n}"):
            return [Step(f"wake-{n}", node, argv=argv)], False
        if not _done(night, f"wake-{n}"):
            continue
        if not _ended(night, f"wait-{n}"):
            return [Step(f"wait-{n}", scope.store, "wait", seconds=scope.wake_minutes * 60 / WAKINGS)], False
        if _done(night, f"wait-{n}"):
            return [], True
    return [], False


def _node(night: Night, node: str) -> list[Step]:
    """What comes next on this node; nothing when it is through, or could not be begun."""
    scope = night.scope
    switch_on = Step(f"on-{node}", node, argv=("pvesm", "set", scope.storage, "--disable", "0"), seconds=_MEDIUM)
    if not _ended(night, switch_on.key):
        return [switch_on]
    if not _done(night, switch_on.key):
        return []
    lists = [Step(f"{key}-{node}", node, argv=(tool, "list")) for key, tool in (("cts", "pct"), ("vms", "qm"))]
    if any(not _ended(night, step.key) for step in lists):
        return [step for step in lists if not _ended(night, step.key)]
    guests = guests_of(night, node)
    for guest, _ in guests:
        if not _ended(night, f"dump-{guest}"):
            argv = (
                "vzdump",
                guest,
                "--storage",
                scope.storage,
                "--mode",
                "snapshot",
                "--compress",
                "zstd",
                "--remove",
                "0",
            )
            return [Step(f"dump-{guest}", node, argv=argv, seconds=scope.guest_minutes * 60)]
    keep = (
        *("--keep-last", str(scope.keep_last), "--keep-daily", str(scope.keep_daily)),
        *("--keep-weekly", str(scope.keep_weekly)),
    )
    for guest, sort in guests:
        # What failed tonight keeps everything it has.
        if _done(night, f"dump-{guest}") and not _ended(night, f"prune-{guest}"):
            prune = ("pvesm", "prune-backups", scope.storage, "--vmid", guest, "--type", sort, *keep)
            return [Step(f"prune-{guest}", node, argv=prune, seconds=_MEDIUM)]
    return []


def candidates(night: Night) -> list[str]:
    """``NODE GUEST`` of every container that was backed up tonight."""
    scope = night.scope
    return [
        f"{node} {guest}"
        for node in scope.nodes
        for guest, sort in guests_of(night, node)
        if sort == "lxc" and _done(night, f"dump-{guest}")
    ]


def mark(night: Night) -> str:
    """What the restored container says of itself: only what says this is ever destroyed."""
    return f"aiops-restore-test-{night.run}"


def _restore_test(night: Night) -> Iterator[Step]:
    """One step after the other; the first that is not done ends the test."""
    if not _ended(night, "test-pick"):
        yield Step("test-pick", night.scope.store, "pick")
        return
    node, _, guest = _text(night, "test-pick").partition(" ")
    if not _done(night, "test-pick"):
        return
    scratch, storage = night.scope.scratch, night.scope.storage
    kept = night.scope.restore_storage
    for step in (
        Step("test-source", node, argv=("pct", "config", guest)),
        Step("test-free", node, argv=("pvesh", "get", "/cluster/nextid", "--vmid", scratch)),
        Step(
            "test-volume",
            node,
            argv=("pvesm", "list", storage, "--content", "backup", "--vmid", guest),
            seconds=_MEDIUM,
        ),
        Step(
            "test-restore",
            node,
            argv=(
                *("pct", "restore", scratch, _text(night, "test-volume"), "--storage", kept),
                *("--unique", "1", "--onboot", "0", "--description", mark(night)),
            ),
            seconds=_RESTORE,
        ),
        Step("test-config", node, argv=("pct", "config", scratch)),
        # Without a cable: the copy must not answer to the address of the one it was made from.
        Step("test-unplug", node, argv=("pct", "set", scratch, "--delete", _text(night, "test-config"))),
        Step("test-start", node, argv=("pct", "start", scratch), seconds=_MEDIUM),
        Step("test-check", node, argv=("pct", "exec", scratch, "--", "test", "-s", "/etc/os-release")),
    ):
        if step.key == "test-unplug" and not _text(night, "test-config"):
            continue
        if not _ended(night, step.key):
            yield step
            return
        if not _done(night, step.key):
            return


def _cleanup(night: Night) -> Iterator[Step]:
    """What has to be put back, first things first."""
    for stage in (_after_test(night), _switch_off(night), _shut_down(night)):
        steps = list(stage)
        if steps:
            yield from steps
            return


def _after_test(night: Night) -> Iterator[Step]:
    """What the test restored goes, if it says that it is ours."""
    if "test-restore" not in night.known:
        return
    node, scratch = _text(night, "test-pick").partition(" ")[0], night.scope.scratch
    if not _ended(night, "test-owner"):
        yield Step("test-owner", node, argv=("pct", "config", scratch), cleanup=True)
    elif not _done(night, "test-owner") or _text(night, "test-owner") != "ours":
        return
    elif "test-start" in night.known and not _ended(night, "test-halt"):
        yield Step("test-halt", node, argv=("pct", "stop", scratch), seconds=_MEDIUM, cleanup=True)
    elif not _ended(night, "test-destroy"):
        yield Step("test-destroy", node, argv=("pct", "destroy", scratch), seconds=_MEDIUM, cleanup=True)


def _switch_off(night: Night) -> Iterator[Step]:
    for node in night.scope.nodes:
        quiet = f"quiet-{node}"
        if f"on-{node}" not in night.known:
            continue
        if not _ended(night, quiet):
            yield _quiet(night, quiet, node, _NODE_TASKS)
        elif _done(night, quiet):
            yield from _switch_off_one(night, node)


def _switch_off_one(night: Night, node: str) -> Iterator[Step]:
    for n in range(1, OFF_TRIES + 1):
        key = f"off-{node}-{n}"
        if not _ended(night, key):
            argv = ("pvesm", "set", night.scope.storage, "--disable", "1")
            yield Step(key, node, argv=argv, seconds=_MEDIUM, cleanup=True)
            return
        if _done(night, key):
            return


_NODE_TASKS = ("pvesh", "get", "/nodes/localhost/tasks", "--source", "active", "--output-format", "json")
_STORE_TASKS = ("proxmox-backup-manager", "task", "list", "--output-format", "json")


def _shut_down(night: Night) -> Iterator[Step]:
    store = night.scope.store
    if awake_before(night) or "wake-1" not in night.known:
        return
    if not _ended(night, "again"):
        yield Step("again", store, "look", cleanup=True)
        return
    if _text(night, "again") != "awake":
        return
    tasks: list[tuple[str, tuple[str, ...]]] = [("quiet-datastore", _STORE_TASKS)] if night.scope.datastore else []
    if night.scope.store_is_node:
        tasks.append(("quiet-store", _NODE_TASKS))
    for key, argv in tasks:
        if not _ended(night, key):
            yield _quiet(night, key, store, argv)
            return
        if not _done(night, key):
            return
    if not _ended(night, "shutdown"):
        yield Step("shutdown", store, "off", argv=("systemctl", "poweroff"), seconds=_POWER_OFF, cleanup=True)


def _quiet(night: Night, key: str, host: str, argv: tuple[str, ...]) -> Step:
    return Step(key, host, "quiet", argv, night.scope.quiet_minutes * 60, cleanup=True)


def _record(night: Night, key: str) -> StepRecord | None:
    return night.known.get(key)


def _ended(night: Night, key: str) -> bool:
    record = _record(night, key)
    return record is not None and record.ended


def _done(night: Night, key: str) -> bool:
    record = _record(night, key)
    return record is not None and record.state == "done"


def _text(night: Night, key: str) -> str:
    record = _record(night, key)
    return record.text if record else ""
