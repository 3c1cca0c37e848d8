"""Look at hosts and say what is wrong, what was looked at and where we were blind. Changes nothing, publishes nothing."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aiops.detectors import Check, Detector, Overrides, Subject, thresholds_for
from aiops.domain.certificate import Served
from aiops.domain.finding import Finding
from aiops.domain.host import Host
from aiops.domain.sweep import Blind, Patrol, Sweep
from aiops.errors import HostKeyError, HostTimeoutError, HostUnreachableError, SettingsError, UnknownError
from aiops.ports import DetectionServices, Page
from aiops.probes import AnyProbe, Ask, Source, UnreadableError, Visit
from aiops.probes.answer import Answer, read
from aiops.probes.clock import CLOCK, agree
from aiops.probes.readings import Readings
from aiops.probes.script import assemble
from aiops.steps.asking import Asking, SkippedError, WideError

Progress = Callable[[str, int, int], None]
"""Called with the host that is done, how many are done, and how many there are."""

CONNECTION = "connection"
"""The probe a blind detector names when the host itself could not be reached."""

_READINGS = Readings()
"""This process's. It only saves work: with or without it the same is seen."""

_log = logging.getLogger(__name__)


def detect(
    patrol: Patrol,
    services: DetectionServices,
    detectors: Mapping[str, Detector],
    thresholds: Overrides | None = None,
    progress: Progress | None = None,
    readings: Readings = _READINGS,
) -> Sweep:
    """Run the patrol's detectors on its hosts (all of the inventory where it names none), each host with one script.

    :raises UnknownError: the patrol names a detector or a host that does not exist
    :raises SettingsError: the inventory or the thresholds cannot be used
    """
    started_at = services.clock()
    due = [_known(detectors, name) for name in dict.fromkeys(patrol.detectors)]
    hosts = [services.inventory.find(name) for name in dict.fromkeys(patrol.hosts)] or list(services.inventory.hosts())
    settings = _settings(due, detectors, hosts, thresholds or {})
    asking = Asking(services, patrol.sweep)
    seen: dict[str, _Seen] = {}
    with ThreadPoolExecutor(max_workers=max(1, min(services.threads, len(hosts))), thread_name_prefix="detect") as pool:
        looks = {pool.submit(_look, host, due, services, settings, asking, readings): host for host in hosts}
        for done, look in enumerate(as_completed(looks), start=1):
            host = looks[look]
            seen[host.name] = look.result()
            if progress:
                progress(host.name, done, len(hosts))
    in_order = [(host, seen[host.name]) for host in hosts]
    return Sweep(
        patrol=patrol,
        findings=tuple(chain.from_iterable(look.findings for _, look in in_order)),
        looked_at={host.name: look.kinds for host, look in in_order if look.kinds},
        blind=tuple(chain.from_iterable(look.blind for _, look in in_order)),
        figures={host.name: look.figures for host, look in in_order if look.figures},
        asleep=tuple(host.name for host, look in in_order if look.asleep),
        started_at=started_at,
        finished_at=services.clock(),
    )


def _known(detectors: Mapping[str, Detector], name: str) -> Detector:
    try:
        return detectors[name]
    except KeyError:
        raise UnknownError("detector", name, f"there are {', '.join(sorted(detectors)) or 'none'}") from None


Settings = Mapping[tuple[str, str], Mapping[str, Any]]


def _settings(
    due: Sequence[Detector], known: Mapping[str, Detector], hosts: Sequence[Host], given: Overrides
) -> Settings:
    for name in given:
        if name not in known:
            raise SettingsError(f"detectors.{name}", "there is no such detector")
    return {(detector.name, host.name): thresholds_for(detector, host, given) for detector in due for host in hosts}


@dataclass
class _Seen:
    findings: list[Finding] = field(default_factory=list)
    kinds: tuple[str, ...] = ()
    blind: list[Blind] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    asleep: bool = False


Known = Mapping[Source, Any]
"""What each source gave: what its reader made of it, or the ``UnreadableError`` that says why there is nothing."""


def _look(
    host: Host,
    due: Sequence[Detector],
    services: DetectionServices,
    settings: Settings,
    asking: Asking,
    readings: Readings,
) -> _Seen:
    return _Look(host, due, services, settings, asking, readings).run()


class _Look:
    """One host's part of a sweep. Its time begins when it is made."""

    def __init__(
        self,
        host: Host,
        due: Sequence[Detector],
        services: DetectionServices,
        settings: Settings,
        asking: Asking,
        readings: Readings,
    ) -> None:
        self.host, self.due, self.services, self.settings, self.asking = host, due, services, settings, asking
        self.reading = readings.of(host.name)
        self.now = services.clock()
        self.deadline = time.monotonic() + services.seconds_per_host
        self.seen = _Seen()

    def run(self) -> _Seen:
        known: dict[Source, Any] = {}
        unreachable = self._ask_the_host(known)
        if self.seen.asleep:
            return self.seen
        self._visit(known)
        self._ask_others(known)
        kinds: list[str] = []
        for detector in self.due:
            kinds += self._apply(detector, known, unreachable)
            if not unreachable:
                self._show(detector, known)
        self.seen.kinds = tuple(dict.fromkeys(kinds))
        # A host whose own server sleeps by design, and at which nothing else looked.
        self.seen.asleep = not self.seen.kinds and any(
            isinstance(answer, SkippedError) and answer.asleep for answer in known.values()
        )
        return self.seen

    def _ask_the_host(self, known: dict[Source, Any]) -> UnreadableError | None:
        """Run all probes in one script. What stands in the way, if anything does."""
        probes = tuple(dict.fromkeys(probe for detector in self.due for probe in detector.probes))
        if not probes:
            return None
        answers, failure = _attempt(lambda: self._answers(probes), f"the look at {self.host.name}")
        known.update(dict(answers))
        return failure

    def _answers(self, probes: Sequence[AnyProbe]) -> Iterator[tuple[AnyProbe, Any]]:
        script = assemble(probes)
        try:
            printed = self.services.shell.run(self.host, script.text, self.services.seconds_per_host)
        except (HostUnreachableError, HostTimeoutError) as error:
            self.seen.asleep = self.host.expected_state != "up"
            remedy = f"check that {self.host.name} is up and that aiops can log in to it"
            raise UnreadableError(str(error), remedy) from error
        except HostKeyError as error:
            raise UnreadableError(f"{error.host}: {error.reason}", error.remedy) from error
        for probe, answer in script.answers(printed.stdout).items():
            yield probe, self._read(probe, answer)

    def _read(self, probe: AnyProbe, answer: Answer | UnreadableError) -> Any:
        if isinstance(answer, UnreadableError):
            return answer
        readings, failure = _attempt(
            lambda: iter([self._checked(probe, read(probe, answer, self.reading))]), f"the output of {probe.name}"
        )
        return failure or readings[0]

    def _checked(self, probe: AnyProbe, reading: Any) -> Any:
        if probe is CLOCK:
            agree(reading, self.now, self.services.clock())
        return reading

    def _visit(self, known: dict[Source, Any]) -> None:
        visits = (probe for detector in self.due for check in detector.checks for probe in check.probes)
        for visit in dict.fromkeys(probe for probe in visits if isinstance(probe, Visit)):
            try:
                known[visit] = tuple(self._get(visit, url) for url in visit.urls(self.host))
            except UnreadableError as error:
                known[visit] = error

    def _ask_others(self, known: dict[Source, Any]) -> None:
        """What other systems know of the host: asked once per sweep, whoever asks first."""
        sources = (probe for detector in self.due for check in detector.checks for probe in check.probes)
        for ask in dict.fromkeys(source for source in sources if isinstance(source, Ask)):
            try:
                known[ask] = self.asking.about(ask, self.host)
            except (SkippedError, UnreadableError) as reason:
                known[ask] = reason

    def _get(self, visit: Visit, url: str) -> Page | Served:
        if self.services.web is None:
            raise UnreadableError("this worker has no way to ask for web pages", "give it a web adapter in bootstrap")
        left = min(visit.seconds, self.deadline - time.monotonic())
        if left <= 0:
            raise UnreadableError("the host's time was over before its pages were asked for", "raise seconds_per_host")
        try:
            return self.services.web.certificate(url, left) if visit.certificate else self.services.web.get(url, left)
        except UnknownError as error:
            raise UnreadableError(
                str(error), "check the resolver of the detection worker, and that it may connect"
            ) from error
        except SettingsError as error:
            raise UnreadableError(str(error), "correct the host's http or tls label in the inventory") from error

    def _apply(self, detector: Detector, known: Known, unreachable: UnreadableError | None) -> list[str]:
        """Run the detector's checks; the kinds that were really looked for."""
        subject = Subject(
            self.host, detector, self.now, self.settings[detector.name, self.host.name], self.asking.hosts
        )
        blind: dict[str, UnreadableError] = {}
        dark: set[str] = set()
        for check in detector.checks:
            if any(isinstance(known.get(probe), SkippedError) for probe in check.probes):
                dark.update(check.kinds)
                continue
            if unreachable and not self._from_outside(check):
                failures = {CONNECTION: unreachable}
            else:
                failures = {
                    probe.name: known[probe] for probe in check.probes if isinstance(known[probe], UnreadableError)
                } or self._run(check, subject, known)
            if failures:
                blind |= failures
                dark.update(check.kinds)
        self.seen.blind += [
            Blind(
                host=self.host.name,
                detector=detector.name,
                probe=probe,
                reason=error.reason,
                remedy=error.remedy,
                shared=isinstance(error, WideError),
            )
            for probe, error in blind.items()
        ]
        looked = chain.from_iterable(check.kinds for check in detector.checks)
        return [kind for kind in looked if kind not in dark]

    def _show(self, detector: Detector, known: Known) -> None:
        """Figures of what could be read; what could not is in ``blind`` already."""
        for show, probes in detector.shows:
            if not any(isinstance(known.get(probe), UnreadableError | SkippedError) for probe in probes):
                figures, _ = _attempt(lambda: iter(show(*[known[probe] for probe in probes]).items()), "figures")  # noqa: B023 - used at once
                self.seen.figures |= dict(figures)

    def _from_outside(self, check: Check) -> bool:
        """Whether the check needs no login: then an unreachable host can still be looked at, if it has any pages."""
        return all(
            isinstance(probe, Ask) or (isinstance(probe, Visit) and probe.urls(self.host)) for probe in check.probes
        )

    def _run(self, check: Check, subject: Subject, known: Known) -> dict[str, UnreadableError]:
        arguments = [known[probe] for probe in check.probes]
        name = getattr(check.look, "__name__", "check")
        findings, failure = _attempt(lambda: check.look(subject, *arguments), f"{subject.detector.name}'s check {name}")
        self.seen.findings += findings
        return {name: failure} if failure else {}


def _attempt(produce: Callable[[], Iterator[Any]], what: str) -> tuple[list[Any], UnreadableError | None]:
    """Everything that ``produce`` yields until it ends or fails, and the failure."""
    got: list[Any] = []
    try:
        for item in produce():
            got.append(item)  # noqa: PERF402 - what came before a failure counts: extend would lose it
    except UnreadableError as error:
        return got, error
    except Exception as error:  # noqa: BLE001 - the stated boundary: one broken check or reader must not cost the sweep
        _log.exception("%s failed", what)
        reason = f"{what} failed: {type(error).__name__}: {error}"
        return got, UnreadableError(reason, "this is a fault of aiops: the traceback is in the worker's log")
    return got, None
