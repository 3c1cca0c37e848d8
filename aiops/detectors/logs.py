"""logs: hosts that the log store no longer hears, or that flood it.

Looks for
    A host that used to send lines and has stopped: whatever else is watched in logs, nobody watches it there any more. Far more
    errors of one unit than is usual at this hour. The store is asked once for all hosts; the journals are ``soc``'s matter.

Thresholds
    ``silence_minutes`` 15 without a line, of a host that usually sends more than ``least_hourly`` 20 lines an hour: an outage of
    the shippers on thirty hosts was silent for weeks.
    ``spike_score`` 8 in two of three bins of five minutes, ``spike_sure`` 16 in one, ``spike_lines`` 10 at least and
    ``spike_times`` 3 times the median: the rule of ``soc``, measured on real logs.
    ``cold_hours`` 6, ``cold_lines`` 30: what counts while less than that is known.
    ``ignore_units``: shell patterns of units that may flood.

Looks alike but is benign
    A host that sleeps by design, or sends a handful of lines a day. A host that never sent anything: it is not set up, and the
    inventory is where that belongs. A store that has just started knows nothing yet.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.spike import Rule, spike
from aiops.domain.testimony import Stream, Told
from aiops.probes.log_store import ERRORS, STREAMS

DETECTOR = Detector(
    "logs",
    "What reaches the log store",
    kinds=[
        Kind(name="logs.silent", sentence="a host has stopped sending its logs", shared=True),
        Kind(name="logs.spike", sentence="a unit sends far more errors than usual", shared=True),
    ],
    thresholds={
        "silence_minutes": 15,
        "least_hourly": 20,
        "spike_score": 8,
        "spike_sure": 16,
        "spike_lines": 10,
        "spike_times": 3,
        "cold_hours": 6,
        "cold_lines": 30,
        "ignore_units": [],
    },
)

_MINUTE = 60


@DETECTOR.check(STREAMS, kinds=["logs.silent"])
def silent(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """The first check of all: from a host that sends nothing, no other check on logs sees anything."""
    for one in told:
        if not isinstance(one, Stream) or host.host.expected_state != "up":
            continue
        minutes = (host.now.timestamp() - one.last) / _MINUTE if one.last else None
        too_long = minutes is None or minutes > host.settings["silence_minutes"]
        if too_long and one.hourly > host.settings["least_hourly"]:
            since = f"for {minutes:.0f} minutes" if minutes else "within the time that was asked for"
            yield host.finding(
                "logs.silent",
                one.machine.name,
                Severity.CRITICAL,
                f"the log store has not heard of {one.machine.name} {since}; {one.hourly:.0f} lines an hour are usual",
                cause="logs:store",
                minutes=round(minutes, 1) if minutes else None,
                hourly=round(one.hourly, 1),
            )


@DETECTOR.check(ERRORS, kinds=["logs.spike"])
def floods(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """Errors per unit in five minutes, against the day before and the same hour of the week before."""
    limits = host.settings
    rule = Rule(
        high=limits["spike_score"],
        sure=limits["spike_sure"],
        least=limits["spike_lines"],
        times=limits["spike_times"],
        cold_hours=limits["cold_hours"],
        cold_least=limits["cold_lines"],
    )
    for one in told:
        if not isinstance(one, Stream):
            continue
        whose = "" if one.machine.is_host(host.host) else f"{one.machine.name}/"
        for unit, by_age in sorted(one.errors.items()):
            seen = spike(by_age, one.known, rule) or spike(by_age, one.known, rule, at=1)
            if seen and not host.matches(unit, "ignore_units"):
                yield host.finding(
                    "logs.spike",
                    f"{whose}{unit}",
                    Severity.WARNING,
                    f"{whose}{unit} sent {seen.lines} errors in five minutes; {seen.usual:g} are usual",
                    cause=f"logs:{unit}",
                    unit=unit,
                    lines=seen.lines,
                    usual=seen.usual,
                    score=seen.score,
                )
