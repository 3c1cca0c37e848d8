"""The detect step: blind is not healthy, asleep is not down, one broken check costs no sweep."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from aiops.adapters.local_shell import LocalShell
from aiops.detectors import Detector, Subject
from aiops.domain.event import Event
from aiops.domain.finding import Finding, Kind
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.domain.sweep import Patrol, Sweep
from aiops.errors import HostKeyError, HostTimeoutError, HostUnreachableError, SettingsError, UnknownError
from aiops.ports import DetectionServices, Page, Printed
from aiops.probes import Probe, UnreadableError, Visit
from aiops.steps.detect import detect

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
GREETING = Probe("greeting", ("echo", "hello"), str)
MISSING = Probe("missing", ("nosuch-command",), str)
ODD = Probe("odd", ("echo", "many"), int)
PAGES = Visit("pages", lambda host: tuple(host.labels.get("http", "").split()))


@dataclass
class Fleet:
    """Hosts that answer as this machine does, or raise what they are told to."""

    known: Sequence[Host] = (Host(name="one"), Host(name="two"))
    trouble: Mapping[str, Exception] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)

    def hosts(self) -> Sequence[Host]:
        return self.known

    def find(self, name: str) -> Host:
        for host in self.known:
            if host.name == name:
                return host
        raise UnknownError("host", name)

    def run(self, host: Host, script: str, seconds: float) -> Printed:
        self.scripts.append(script)
        if host.name in self.trouble:
            raise self.trouble[host.name]
        return LocalShell().run(host, script, seconds)

    def get(self, url: str, seconds: float) -> Page:
        if "unknown" in url:
            raise UnknownError("address of", url)
        return Page(url, 200, "", 0.1)

    def publish(self, event: Event) -> None:
        raise AssertionError(f"detection publishes nothing, but here is {event}")

    def close(self) -> None:
        """Nothing is open."""


def a_detector(name: str = "greeter", kind: str = "greeting.said") -> Detector:
    detector = Detector(name, "Greets", [Kind(name=kind, sentence="a greeting was said")], {"times": 1})

    @detector.check(GREETING, kinds=[kind])
    def said(host: Subject, text: str) -> Iterator[Finding]:
        yield host.finding(kind, text.strip(), Severity.INFO, f"{host.settings['times']} times")

    return detector


def sweep(
    detectors: Sequence[Detector],
    fleet: Fleet | None = None,
    hosts: Sequence[str] = (),
    thresholds: Mapping[str, Mapping[str, object]] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    seconds: float = 20,
) -> Sweep:
    fleet = fleet or Fleet()
    services = DetectionServices(fleet, fleet, fleet, seconds_per_host=seconds, clock=lambda: NOW, web=fleet)
    known = {detector.name: detector for detector in detectors}
    patrol = Patrol(sweep="s", detectors=tuple(known), hosts=tuple(hosts), requested_at=NOW)
    return detect(patrol, services, known, thresholds, progress)


def test_a_patrol_without_hosts_looks_at_all_of_them_in_their_order() -> None:
    seen = sweep([a_detector()])
    assert [(found.host, found.subject, found.seen_at) for found in seen.findings] == [
        ("one", "hello", NOW),
        ("two", "hello", NOW),
    ]
    assert seen.looked_at == {"one": ("greeting.said",), "two": ("greeting.said",)}
    assert seen.blind == ()


def test_a_host_gets_one_script_however_many_detectors_are_due() -> None:
    fleet = Fleet()
    sweep([a_detector(), a_detector("second", "greeting.again")], fleet, ["one"])
    assert len(fleet.scripts) == 1
    assert fleet.scripts[0].count("echo hello") == 1


def test_a_host_named_twice_is_looked_at_once() -> None:
    assert len(sweep([a_detector()], hosts=["two", "two"]).findings) == 1


@pytest.mark.parametrize(
    "error",
    [
        HostUnreachableError("two", "no route"),
        HostTimeoutError("two", 60),
        HostKeyError("two", "changed", "compare it"),
    ],
    ids=["unreachable", "timeout", "host key"],
)
def test_a_host_that_cannot_be_reached_is_blind_for_every_detector(error: Exception) -> None:
    seen = sweep([a_detector(), a_detector("second", "greeting.again")], Fleet(trouble={"two": error}))
    assert [(blind.host, blind.detector, blind.probe) for blind in seen.blind] == [
        ("two", "greeter", "connection"),
        ("two", "second", "connection"),
    ]
    assert all(blind.remedy and blind.reason for blind in seen.blind)
    assert "two" not in seen.looked_at
    assert seen.asleep == ()


def test_a_host_switched_on_only_on_demand_that_does_not_answer_is_asleep() -> None:
    sleeper = Host(name="two", expected_state="on_demand", labels={"http": "http://two/"})
    seen = sweep([a_detector()], Fleet([sleeper], {"two": HostUnreachableError("two", "no route")}))
    assert seen.asleep == ("two",)
    assert seen.blind == ()
    assert seen.looked_at == {}


def test_a_host_switched_on_only_on_demand_with_a_changed_key_is_not_asleep() -> None:
    sleeper = Host(name="two", expected_state="on_demand")
    seen = sweep([a_detector()], Fleet([sleeper], {"two": HostKeyError("two", "changed", "compare it")}))
    assert seen.asleep == ()
    assert seen.blind[0].remedy == "compare it"


def test_a_host_switched_on_only_on_demand_that_answers_is_looked_at() -> None:
    seen = sweep([a_detector()], Fleet([Host(name="two", expected_state="on_demand")]))
    assert seen.looked("two", "greeting.said")


def test_a_blind_probe_blinds_only_the_checks_that_read_it() -> None:
    detector = a_detector()
    detector.kinds["greeting.other"] = Kind(name="greeting.other", sentence="another greeting")

    @detector.check(MISSING, kinds=["greeting.other"])
    def other(host: Subject, text: str) -> Iterator[Finding]:
        yield host.finding("greeting.other", text, Severity.INFO, "never")

    seen = sweep([detector], hosts=["one"])
    assert [found.kind for found in seen.findings] == ["greeting.said"]
    assert seen.looked_at == {"one": ("greeting.said",)}
    assert [(blind.probe, blind.remedy) for blind in seen.blind] == [("missing", "install nosuch-command")]


def test_a_kind_two_checks_can_see_counts_as_looked_at_only_when_both_looked() -> None:
    detector = a_detector()

    @detector.check(MISSING, kinds=["greeting.said"])
    def again(host: Subject, text: str) -> Iterator[Finding]:
        yield host.finding("greeting.said", text, Severity.INFO, "never")

    seen = sweep([detector], hosts=["one"])
    assert len(seen.findings) == 1
    assert seen.looked_at == {}


def test_a_check_that_raises_is_blind_and_what_it_had_seen_counts() -> None:
    detector = a_detector()

    @detector.check(GREETING, kinds=["greeting.said"])
    def breaks(host: Subject, text: str) -> Iterator[Finding]:
        yield host.finding("greeting.said", "before the fault", Severity.INFO, "seen")
        raise ZeroDivisionError("oh")

    seen = sweep([detector, a_detector("second", "greeting.again")], hosts=["one"])
    assert [found.subject for found in seen.findings] == ["hello", "before the fault", "hello"]
    assert seen.looked_at == {"one": ("greeting.again",)}
    assert [(blind.detector, blind.probe) for blind in seen.blind] == [("greeter", "breaks")]
    assert "ZeroDivisionError: oh" in seen.blind[0].reason


def test_a_check_may_say_itself_that_it_could_not_look() -> None:
    detector = a_detector()

    @detector.check(GREETING, kinds=["greeting.said"])
    def dim(host: Subject, text: str) -> Iterator[Finding]:
        yield from ()
        raise UnreadableError("too dark", "light a lamp")

    blind = sweep([detector], hosts=["one"]).blind
    assert [(each.probe, each.reason, each.remedy) for each in blind] == [("dim", "too dark", "light a lamp")]


def test_a_reader_that_raises_is_blind(caplog: pytest.LogCaptureFixture) -> None:
    detector = a_detector()

    @detector.check(ODD, kinds=["greeting.said"])
    def odd(host: Subject, number: int) -> Iterator[Finding]:
        yield host.finding("greeting.said", str(number), Severity.INFO, "never")

    seen = sweep([detector], hosts=["one"])
    assert [blind.probe for blind in seen.blind] == ["odd"]
    assert "Traceback" in caplog.text


def test_a_shell_that_raises_what_it_should_not_costs_one_host_and_no_sweep() -> None:
    seen = sweep([a_detector()], Fleet(trouble={"one": RuntimeError("a fault of the adapter")}))
    assert [(blind.host, blind.probe) for blind in seen.blind] == [("one", "connection")]
    assert seen.looked("two", "greeting.said")


def a_visitor() -> Detector:
    detector = Detector("visitor", "Visits", [Kind(name="page.seen", sentence="a page was seen")])

    @detector.check(PAGES, kinds=["page.seen"])
    def visited(host: Subject, pages: tuple[Page, ...]) -> Iterator[Finding]:
        for page in pages:
            yield host.finding("page.seen", page.url, Severity.INFO, str(page.status))

    return detector


def test_pages_are_visited_by_the_worker_even_when_nobody_can_log_in() -> None:
    host = Host(name="two", labels={"http": "http://a/ http://b/"})
    seen = sweep([a_visitor(), a_detector()], Fleet([host], {"two": HostUnreachableError("two", "no route")}))
    assert [found.subject for found in seen.findings] == ["http://a/", "http://b/"]
    assert seen.looked_at == {"two": ("page.seen",)}


def test_a_name_that_cannot_be_resolved_says_nothing_about_the_page() -> None:
    seen = sweep([a_visitor()], Fleet([Host(name="two", labels={"http": "http://unknown/"})]))
    assert [blind.probe for blind in seen.blind] == ["pages"]
    assert seen.looked_at == {}


def test_no_time_left_for_pages_is_blind() -> None:
    seen = sweep([a_visitor()], Fleet([Host(name="two", labels={"http": "http://a/"})]), seconds=0)
    assert [blind.probe for blind in seen.blind] == ["pages"]


@pytest.mark.parametrize(
    ("detectors", "hosts"), [(["nosuch"], []), (["greeter"], ["nosuch"])], ids=["detector", "host"]
)
def test_what_does_not_exist_cannot_be_looked_at(detectors: list[str], hosts: list[str]) -> None:
    fleet = Fleet()
    patrol = Patrol(sweep="s", detectors=tuple(detectors), hosts=tuple(hosts), requested_at=NOW)
    with pytest.raises(UnknownError, match="nosuch"):
        detect(patrol, DetectionServices(fleet, fleet, fleet), {"greeter": a_detector()})


def test_thresholds_reach_the_check() -> None:
    thresholds = {"greeter": {"times": 2, "hosts": {"two": {"times": 3}}}}
    assert [found.summary for found in sweep([a_detector()], thresholds=thresholds).findings] == ["2 times", "3 times"]


def test_thresholds_of_a_detector_nobody_knows_are_refused() -> None:
    with pytest.raises(SettingsError, match="nosuch"):
        sweep([a_detector()], thresholds={"nosuch": {"times": 2}})


def test_progress_is_told_for_every_host() -> None:
    told: list[tuple[int, int]] = []
    names: set[str] = set()

    def progress(host: str, done: int, hosts: int) -> None:
        names.add(host)
        told.append((done, hosts))

    sweep([a_detector()], progress=progress)
    assert names == {"one", "two"}
    assert told == [(1, 2), (2, 2)]


def test_hosts_are_looked_at_together() -> None:
    together = threading.Barrier(2, timeout=10)

    @dataclass
    class Meeting(Fleet):
        def run(self, host: Host, script: str, seconds: float) -> Printed:
            together.wait()
            return super().run(host, script, seconds)

    assert len(sweep([a_detector()], Meeting()).findings) == 2
