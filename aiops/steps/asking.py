"""What other systems say in one sweep, split up by the host it is about."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock

from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.domain.testimony import Gap, Testimony, Told
from aiops.errors import AiopsError
from aiops.ports import DetectionServices
from aiops.probes import Ask, UnreadableError


class SkippedError(Exception):
    """There is nothing to judge and nothing wrong: the source is not set up, or asleep as expected (``asleep``)."""

    def __init__(self, *, asleep: bool = False) -> None:
        super().__init__(asleep)
        self.asleep = asleep


class WideError(UnreadableError):
    """The source said nothing at all, so every host has the same reason: one trouble, not one per host."""


class Asking:
    """One sweep's questions. Safe to use from the threads that look at its hosts."""

    def __init__(self, services: DetectionServices, sweep: str) -> None:
        self._witnesses, self._sweep = services.witnesses, sweep
        self.hosts: Sequence[Host] = services.inventory.hosts()
        self._places: dict[Guest, str] = {}
        self._split: dict[Ask, _Split] = {}
        self._lock = Lock()

    def about(self, ask: Ask, host: Host) -> tuple[Told, ...]:
        """What the source says about the host.

        :raises SkippedError: it is not set up, or asleep by design
        :raises UnreadableError: it could not say anything about this host, with the reason
        """
        if ask.source not in self._witnesses:
            raise SkippedError
        # The source itself is asked once per sweep; this only splits its answer once per shard.
        with self._lock:
            if ask not in self._split:
                self._split[ask] = self._ask(ask)
        return self._split[ask].about(host)

    def _ask(self, ask: Ask) -> "_Split":
        try:
            said = self._witnesses[ask.source].ask(ask.question, self._sweep)
        except AiopsError as error:
            gap = Gap(
                Guest(name=ask.source, source=ask.source), str(error), f"check the table [{ask.source}]", wide=True
            )
            said = Testimony((), gap.machine, (gap,))
        told: dict[str, list[Told]] = defaultdict(list)
        strangers: dict[str, None] = {}
        home = self._place(said.home)
        for one in said.told:
            place = self._place(one.machine) or self._place(Guest(name=one.machine.node)) or home
            if place:
                told[place].append(one)
            else:
                strangers[one.machine.name] = None
        gaps = [(gap, self._place(gap.machine)) for gap in said.gaps]
        if strangers:
            reason = f"{ask.source} speaks of {', '.join(list(strangers)[:5])}, which no host of the inventory is"
            remedy = f"add it to the inventory, or name in [{ask.source}] host the host on which to tell of it"
            gaps.append((Gap(said.home, reason, remedy, wide=True), ""))
        states = {host.name: host.expected_state for host in self.hosts}
        return _Split(told, gaps, states)

    def _place(self, machine: Guest) -> str:
        """The host that is this machine; empty when none is."""
        if machine not in self._places:
            found = (host.name for host in self.hosts if machine.is_host(host))
            self._places[machine] = next(found, "") if machine.name else ""
        return self._places[machine]


class _Split:
    """One answer, by host."""

    def __init__(
        self, told: Mapping[str, Sequence[Told]], gaps: Sequence[tuple[Gap, str]], states: Mapping[str, str]
    ) -> None:
        self._told, self._gaps, self._states = told, gaps, states

    def about(self, host: Host) -> tuple[Told, ...]:
        """:raises SkippedError: asleep; :raises UnreadableError: a gap hides the host."""
        for gap, place in self._gaps:
            touched = place == host.name or (place and host.labels.get("node") == place)
            by_design = gap.silent and self._states.get(place, "up") != "up"
            if touched and by_design:
                raise SkippedError(asleep=place == host.name)
            if gap.wide and not by_design:
                raise WideError(gap.reason, gap.remedy)
            if touched:
                raise UnreadableError(gap.reason, gap.remedy)
        return tuple(self._told.get(host.name, ()))
