"""log-store: the log store itself, whether our own lines arrive in it and how long it keeps lines.

Looks for
    Our own lines (``job="aiops"``, sent by the bridge or by the host's agent) that no longer arrive, where ``[loki] own`` expects
    them: the paper trail stops, and nobody notices a trail that is not there. A retention that is another one than wanted
    (``[loki] retention_days``), by what the store's own configuration says and by lines that are older than they should be:
    a period that is set while ``compactor.retention_enabled`` is not deletes nothing.

Thresholds
    ``silence_minutes`` 30 without one of our lines: six rounds of the guardians that look every five minutes, each of which is a
    line whether it finds something or not. ``retention_slack`` 1.1: a retention longer or shorter by a tenth is the same one.

Looks alike but is benign
    A store that has just been set up and holds less than it may: only what is too old is evidence. Lines that are up to two days
    over their time: deletion comes late. Where our lines are not sent to Loki nothing is expected.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.testimony import OwnLines, Retention, Told
from aiops.probes.log_store import OWN, RETENTION

DETECTOR = Detector(
    "log-store",
    "The log store itself",
    kinds=[
        Kind(name="logstore.deaf", sentence="our own lines do not arrive in the log store"),
        Kind(name="logstore.retention", sentence="the log store keeps lines for another time than it should"),
    ],
    thresholds={"silence_minutes": 30, "retention_slack": 1.1},
)

_MINUTE = 60


@DETECTOR.check(OWN, kinds=["logstore.deaf"])
def deaf(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """By what the store can be asked for, not by what was sent: only a line that is found again has arrived."""
    for one in told:
        if not isinstance(one, OwnLines):
            continue
        minutes = (host.now.timestamp() - one.last) / _MINUTE if one.last else None
        if minutes is None or minutes > host.settings["silence_minutes"]:
            since = f"for {minutes:.0f} minutes" if minutes is not None else "for a week"
            yield host.finding(
                "logstore.deaf",
                "aiops",
                Severity.WARNING,
                f"no line of aiops has arrived in the log store {since}",
                cause="logs:store",
                minutes=round(minutes, 1) if minutes is not None else None,
            )


@DETECTOR.check(RETENTION, kinds=["logstore.retention"])
def retention(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """What it says, then what it does."""
    for one in told:
        if not isinstance(one, Retention):
            continue
        slack = host.settings["retention_slack"]
        says = f"for {one.days:g} days" if one.days else "for ever"
        if one.days is None or not one.wanted / slack <= one.days <= one.wanted * slack:
            wrong = f"the log store keeps lines {says}; {one.wanted:g} days are wanted"
        elif one.older:
            wrong = f"the log store says it keeps lines {says}, and holds older ones: it deletes nothing"
        else:
            continue
        yield host.finding(
            "logstore.retention",
            "retention",
            Severity.WARNING,
            wrong,
            cause="logs:retention",
            days=one.days,
            wanted=one.wanted,
            older=one.older,
        )


@DETECTOR.show(RETENTION)
def figures(told: tuple[Told, ...]) -> dict[str, str]:
    """How long lines are kept."""
    kept = [one for one in told if isinstance(one, Retention)]
    return {"log retention": f"{kept[0].days:g} days" if kept[0].days else "for ever"} if kept else {}
