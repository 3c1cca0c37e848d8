"""What Proxmox Backup Server says of its datastores, through a token with the role Audit.

As with Proxmox, what a token may not see is left out without a word, so its rights are looked at first. What is written in
``/status/datastore-usage`` and below ``/admin/datastore`` is published in the server's own API viewer.
"""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from aiops.adapters.shape import Shape, Transport, unknown_question
from aiops.domain.guest import Guest
from aiops.domain.testimony import Datastore, Gap, TaskEnd, Testimony, Told, Unverified
from aiops.errors import AiopsError, SettingsError

WINDOW_SECONDS: Final = 10 * 24 * 3600
"""How far back tasks are read: a weekly verification and a garbage collection that is overdue are in it."""
_MOST_TASKS, _MOST_NAMESPACES = 2000, 50
_COLLECTION: Final = "garbage_collection"
_SORTS: Final = frozenset(
    {_COLLECTION, "verificationjob", "verify", "verify_group", "verify_snapshot", "prunejob", "prune", "syncjob"}
)
_GOOD: Final = re.compile(r"OK|WARNINGS: \d+")
_ROLE: Final = "give the token (and its user) the role Audit on / with propagation"


class PbsWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(self, transport: Transport, home: str, clock: Callable[[], float] = time.time) -> None:
        """:param home: the host it runs on, by name or address"""
        self._transport, self._clock = transport, clock
        self._home = Guest(name=home, address=home, source="pbs")

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``."""
        asked = {"datastores": self._datastores, "snapshots": self._snapshots, "tasks": self._tasks}
        if question not in asked:
            raise unknown_question("pbs", question)
        try:
            self._check("Datastore.Audit", "datastore")
            self._check("Sys.Audit", "system")
            return Testimony(tuple(asked[question]()), self._home)
        except AiopsError as error:
            refused = isinstance(error, SettingsError)
            remedy = _ROLE if refused else f"check that {self._home.name} is up and that its API answers on port 8007"
            return Testimony((), self._home, (Gap(self._home, str(error), remedy, silent=not refused),))

    def _check(self, privilege: str, branch: str) -> None:
        held = Shape("pbs /access/permissions").object(self._transport.get("/access/permissions"))
        paths = [path for path, rights in held.items() if isinstance(rights, dict) and privilege in rights]
        if not any(path == "/" or path.strip("/").startswith(branch) for path in paths):
            raise SettingsError("pbs", f"the token lacks {privilege} on /{branch}")

    def _usage(self) -> Sequence[Mapping[str, Any]]:
        return Shape("pbs /status/datastore-usage").rows(self._transport.get("/status/datastore-usage"))

    def _datastores(self) -> Iterator[Told]:
        shape = Shape("pbs /status/datastore-usage")
        collected: dict[str, int] = {}
        for row in self._ended():
            if row.get("worker_type") == _COLLECTION and _GOOD.fullmatch(str(row.get("status") or "")):
                store = str(row.get("worker_id") or "")
                collected[store] = max(collected.get(store, 0), shape.whole(row, "endtime"))
        for row in self._usage():
            name = shape.text(row, "store")
            reason = str(row.get("error") or "")
            used, total = (0, 0) if reason else (shape.whole(row, "used"), shape.whole(row, "total"))
            yield Datastore(self._home, name, used, total, collected.get(name, 0), reason)

    def _snapshots(self) -> Iterator[Told]:
        shape = Shape("pbs snapshots")
        for row in self._usage():
            if row.get("error"):
                continue
            store = shape.text(row, "store")
            place = f"/admin/datastore/{quote(store, safe='')}"
            spaces = shape.rows(self._transport.get(f"{place}/namespace"))
            for space in [str(one.get("ns") or "") for one in spaces][:_MOST_NAMESPACES]:
                wanted = {"ns": space} if space else {}
                yield from self._groups(store, space, shape.rows(self._transport.get(f"{place}/snapshots", **wanted)))

    def _groups(self, store: str, space: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Told]:
        shape = Shape("pbs snapshots")
        groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for row in rows:
            state = row.get("verification")
            verified = str(state.get("state") or "") if isinstance(state, dict) else ""
            group = f"{shape.text(row, 'backup-type')}/{shape.text(row, 'backup-id')}"
            groups[group].append((shape.whole(row, "backup-time"), verified))
        for group, those in sorted(groups.items()):
            open_ones = [at for at, state in those if not state]
            failed = sum(state == "failed" for _, state in those)
            oldest = min(open_ones, default=int(self._clock()))
            name = f"{store}:{space}/{group}" if space else f"{store}:{group}"
            yield Unverified(self._home, name, oldest, len(open_ones), failed)

    def _tasks(self) -> Iterator[Told]:
        shape = Shape("pbs tasks")
        newest: dict[tuple[str, str], Told] = {}
        for row in sorted(self._ended(), key=lambda row: shape.whole(row, "endtime"), reverse=True):
            sort, subject = shape.text(row, "worker_type"), str(row.get("worker_id") or "")
            if sort not in _SORTS:
                continue
            status = str(row.get("status") or "")
            good = _GOOD.fullmatch(status) is not None
            end = TaskEnd(self._home, sort, subject, shape.whole(row, "endtime"), good, "" if good else status)
            newest.setdefault((sort, subject), end)
        yield from newest.values()

    def _ended(self) -> Sequence[Mapping[str, Any]]:
        since = int(self._clock()) - WINDOW_SECONDS
        answer = self._transport.get("/nodes/localhost/tasks", since=since, limit=_MOST_TASKS)
        return [row for row in Shape("pbs tasks").rows(answer) if row.get("endtime")]
