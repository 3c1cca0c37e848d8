"""What Proxmox says of its nodes, storages, guests and tasks, through a token that may only read.

Proxmox leaves out without a word what a token may not see: a list of tasks holds one's own, a list of storages those one may
audit. So every question asks first what the token may do, and what it may not do is a gap, never an empty list. The list of
backups in a storage is empty for PVEAuditor whatever lies there; backups are judged by vzdump's task logs instead.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from aiops.adapters.shape import Shape, Transport, unknown_question
from aiops.domain.guest import Guest
from aiops.domain.testimony import Gap, GuestState, Node, Quorum, Storage, TaskEnd, Testimony, Told, Uncovered
from aiops.errors import AiopsError, BusError, SettingsError
from aiops.probes.backups import Run, read_runs

WINDOW_SECONDS: Final = 50 * 3600
"""How far back tasks are read: two nights and two hours, as ``backup`` counts."""
_SECONDS: Final = 30.0
_MOST_TASKS, _MOST_LOGS, _MOST_LINES = 2000, 12, 20000
_NEEDS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "nodes": (("Sys.Audit", "/"),),
    "storages": (("Datastore.Audit", "/storage"),),
    "guests": (("VM.Audit", "/vms"),),
    "tasks": (("Sys.Audit", "/nodes"),),
    "cover": (("Sys.Audit", "/"), ("VM.Audit", "/vms")),
}
_ROLE: Final = "give the token (and, with privilege separation, its user) the role PVEAuditor on / with propagation"
_GUESTS: Final = frozenset({"lxc", "qemu"})
_FINISHED: Final = "Backup job finished successfully"
_WARNINGS: Final = re.compile(r"WARNINGS: (\d+)")
_NOTIFICATION: Final = re.compile(r"could not notify|notification|sendmail|send(ing)? mail|smtp", re.IGNORECASE)


class ProxmoxWitness:
    """See ``aiops.ports.Witness``: the nodes of one cluster, or nodes that stand alone."""

    def __init__(
        self, nodes: Sequence[tuple[str, Transport]], home: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        """:param nodes: each with its address, as written in the settings, and its transport"""
        self._nodes, self._clock = nodes, clock
        address = nodes[0][0].rpartition(":")[0] or nodes[0][0]
        self._home = Guest(name=home or address, address="" if home else address, source="proxmox")

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``."""
        if question not in _NEEDS:
            raise unknown_question("proxmox", question)
        told: dict[str, Told] = {}
        gaps: list[Gap] = []
        lost: list[tuple[Guest, AiopsError]] = []
        seen: set[str] = set()
        for address, transport in self._nodes:
            cluster = _Cluster(transport, self._clock())
            try:
                names = cluster.names()
                if seen & names.keys() and question != "nodes":
                    continue  # another node of the same cluster has answered
                seen |= names.keys() | set(names.values())
                cluster.check(question)
                for key, one in cluster.answer(question):
                    told.setdefault(key, one)
                gaps += cluster.gaps
            except AiopsError as error:
                host = address.rpartition(":")[0] or address
                lost.append((Guest(name=host, address=host, source="proxmox"), error))
        # A dead node of a cluster that another node speaks for hides nothing; a refusal is told wherever it comes from.
        gaps += [
            _gap(machine, error)
            for machine, error in lost
            if isinstance(error, SettingsError) or machine.name not in seen
        ]
        return Testimony(tuple(told.values()), self._home, tuple(gaps))


def _gap(machine: Guest, error: AiopsError) -> Gap:
    refused = isinstance(error, SettingsError)
    remedy = _ROLE if refused else f"check that {machine.name} is up and that its API answers on port 8006"
    return Gap(machine, str(error), remedy, wide=True, silent=not refused)


class _Cluster:
    """One node's answers, for itself and the cluster it is in."""

    def __init__(self, transport: Transport, now: float) -> None:
        self._transport, self._now = transport, now
        self.gaps: list[Gap] = []
        self._until = time.monotonic() + _SECONDS
        self._status: Sequence[Mapping[str, Any]] | None = None

    def _get(self, path: str, **parameters: str | float) -> Any:
        if time.monotonic() > self._until:
            raise BusError(f"proxmox {path}", f"not everything was answered within {_SECONDS:g} s")
        return self._transport.get(path, **parameters)

    def names(self) -> Mapping[str, str]:
        """The nodes' names with their addresses; the one that was asked is among them."""
        shape = Shape("proxmox /nodes")
        nodes = [shape.text(row, "node") for row in shape.rows(self._get("/nodes"))]
        if not nodes:
            raise SettingsError("proxmox /nodes", "it names not a single node")
        known = dict.fromkeys(nodes, "")
        try:
            known |= {str(row["name"]): str(row.get("ip") or "") for row in self.status() if row.get("type") == "node"}
        except SettingsError:
            return known  # the addresses need Sys.Audit; whoever needs it says so
        return known

    def status(self) -> Sequence[Mapping[str, Any]]:
        if self._status is None:
            self._status = Shape("proxmox /cluster/status").rows(self._get("/cluster/status"))
        return self._status

    def check(self, question: str) -> None:
        """Whether the token may see what the question is about.

        :raises SettingsError: it may not
        """
        shape = Shape("proxmox /access/permissions")
        held = shape.object(self._get("/access/permissions"))
        for privilege, path in _NEEDS[question]:
            if not _holds(held, privilege, path):
                raise SettingsError(f"proxmox {question}", f"the token lacks {privilege} on {path}")

    def answer(self, question: str) -> Iterator[tuple[str, Told]]:
        """What it says, each under the key of its subject."""
        match question:
            case "nodes":
                return self._nodes()
            case "storages":
                return self._storages()
            case "guests":
                return self._guests()
            case "cover":
                return self._cover()
            case _:
                return self._tasks()

    def _nodes(self) -> Iterator[tuple[str, Told]]:
        shape = Shape("proxmox /cluster/status")
        nodes = [row for row in self.status() if row.get("type") == "node"]
        online = {shape.text(row, "name"): shape.flag(row, "online", default=True) for row in nodes}
        for row in nodes:
            name = shape.text(row, "name")
            yield f"node {name}", Node(_node(name, str(row.get("ip") or "")), online[name])
        for row in self.status():
            if row.get("type") == "cluster":
                name = shape.text(row, "name")
                spokesman = next((_node(node) for node, up in sorted(online.items()) if up), _node(min(online)))
                quorate = shape.flag(row, "quorate", default=False)
                missing = tuple(node for node, up in sorted(online.items()) if not up)
                yield f"cluster {name}", Quorum(spokesman, name, quorate, missing)

    def _resources(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return Shape("proxmox /cluster/resources").rows(self._get("/cluster/resources", type=kind))

    def _storages(self) -> Iterator[tuple[str, Told]]:
        shape = Shape("proxmox /cluster/resources")
        up = {row["node"] for row in self._resources("node") if row.get("status") == "online" and row.get("node")}
        rows = [row for row in self._resources("storage") if row.get("node") in up]
        for node in sorted(up - {row.get("node") for row in rows}):
            reason = f"proxmox names not a single storage of {node}, and every node has one"
            self.gaps.append(Gap(_node(node), reason, _ROLE))
        counted: set[str] = set()
        for row in sorted(rows, key=lambda row: str(row.get("node"))):
            name, node = shape.text(row, "storage"), _node(shape.text(row, "node"))
            available = row.get("status", "available") == "available"
            shared = shape.flag(row, "shared", default=False) and available
            if shared and name in counted:
                continue
            counted.add(name) if shared else None
            used, total = shape.whole(row, "disk", 0), shape.whole(row, "maxdisk", 0)
            key = f"storage {name}" if shared else f"storage {node.name}/{name}"
            yield key, Storage(node, name, used, total, available, shared)

    def _guests(self) -> Iterator[tuple[str, Told]]:
        for row in self._guest_rows():
            machine = _guest(row)
            yield (
                f"guest {machine.number}",
                GuestState(machine, str(row.get("status") or ""), str(row.get("lock") or "")),
            )

    def _guest_rows(self) -> Sequence[Mapping[str, Any]]:
        shape = Shape("proxmox /cluster/resources")
        rows = [row for row in self._resources("vm") if shape.text(row, "type") in _GUESTS]
        return [row for row in rows if not row.get("template") and shape.whole(row, "vmid")]

    def _cover(self) -> Iterator[tuple[str, Told]]:
        known = {machine.number: machine for machine in map(_guest, self._guest_rows())}
        shape = Shape("proxmox /cluster/backup-info/not-backed-up")
        for row in shape.rows(self._get("/cluster/backup-info/not-backed-up")):
            number, kind = shape.whole(row, "vmid"), shape.text(row, "type")
            if number in known:  # else it is a template, or gone
                yield f"cover {number}", Uncovered(known[number], number, kind)

    def _tasks(self) -> Iterator[tuple[str, Told]]:
        states = Shape("proxmox /nodes")
        for row in states.rows(self._get("/nodes")):
            name = states.text(row, "node")
            if row.get("status") == "offline":
                continue  # it has no tasks to tell of; that it is off is told elsewhere
            try:
                for key, end in self._tasks_of(name):
                    yield f"task {name} {key}", end
            except AiopsError as error:
                self.gaps.append(Gap(_node(name), str(error), f"look at the tasks of {name} in its web interface"))

    def _tasks_of(self, node: str) -> Iterator[tuple[str, TaskEnd]]:
        shape = Shape(f"proxmox /nodes/{node}/tasks")
        since = int(self._now) - WINDOW_SECONDS
        answer = self._get(f"/nodes/{node}/tasks", since=since, limit=_MOST_TASKS)
        ended = [row for row in shape.rows(answer) if shape.text(row, "type") and row.get("endtime")]
        ended.sort(key=lambda row: shape.whole(row, "endtime"), reverse=True)
        newest: dict[str, TaskEnd] = {}
        logs = 0
        for row in ended:
            name, guest = shape.text(row, "type"), str(row.get("id") or "")
            if name == "vzdump" and logs < _MOST_LOGS:
                logs += 1
                ends: Iterable[tuple[str, TaskEnd]] = self._backups(node, row)
            else:
                ends = [(guest, _end(_node(node), name, guest, row, shape))]
            for whose, end in ends:
                newest.setdefault(f"{name}:{whose}", end)
        return iter(newest.items())

    def _backups(self, node: str, row: Mapping[str, Any]) -> Iterator[tuple[str, TaskEnd]]:
        """One run of vzdump, guest by guest as its log tells; by itself where it failed and no guest did."""
        shape = Shape(f"proxmox /nodes/{node}/tasks log")
        path = f"/nodes/{node}/tasks/{quote(shape.text(row, 'upid'), safe=':@!')}/log"
        lines = shape.rows(self._get(path, start=0, limit=_MOST_LINES))
        text = "\n".join(str(line.get("t") or "") for line in lines)
        whole = _end(_node(node), "vzdump", "", row, shape)
        runs = read_runs(text)
        for run in runs:
            yield run.guest, _of_run(run, whole)
        failed = any(run.state != "ok" for run in runs)
        only_mail = _FINISHED in text or (bool(runs) and _NOTIFICATION.search(whole.reason) is not None)
        yield "", replace(whole, good=True, reason="") if failed or only_mail else whole


def _end(machine: Guest, name: str, guest: str, row: Mapping[str, Any], shape: Shape) -> TaskEnd:
    status = str(row.get("status") or "")
    warnings = _WARNINGS.fullmatch(status)
    good = status == "OK" or warnings is not None
    return TaskEnd(
        machine,
        name,
        guest,
        shape.whole(row, "endtime"),
        good,
        reason="" if good else status or "it ended without a status",
        warnings=int(warnings[1]) if warnings else 0,
    )


def _of_run(run: Run, whole: TaskEnd) -> TaskEnd:
    """A guest that was still being backed up when its task ended was not backed up."""
    good = run.state == "ok"
    reason = run.reason or (whole.reason or "the task ended before the backup did")
    return TaskEnd(
        whole.machine, "vzdump", run.guest, whole.at, good, "" if good else reason, "" if good else run.cause
    )


def _holds(held: Mapping[str, Any], privilege: str, path: str) -> bool:
    """Whether the token's effective rights have it there. A right on a path counts below it when it propagates (1)."""
    places = [path]
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        places.append(path)
    for number, place in enumerate(places):
        rights = held.get(place)
        if isinstance(rights, dict) and privilege in rights and (number == 0 or rights[privilege] == 1):
            return True
    return False


def _node(name: str, address: str = "") -> Guest:
    return Guest(name=name, address=address, kind="proxmox", source="proxmox")


def _guest(row: Mapping[str, Any]) -> Guest:
    number = int(row.get("vmid") or 0)
    return Guest(
        name=str(row.get("name") or f"{row.get('type')}-{number}"),
        node=str(row.get("node") or ""),
        kind=str(row.get("type") or ""),
        number=number,
        source="proxmox",
    )
