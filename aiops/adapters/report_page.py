"""The report as one HTML page: nothing is loaded from anywhere, every figure stands in a table too, all text is escaped."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from aiops.domain.report import Report, Spread
from aiops.domain.symbiosis import DAYS

_HEIGHT: Final = 100.0
_HOURS_SHOWN: Final = 48
_SHADES: Final = 5
_UNITS: Final = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


@dataclass(frozen=True)
class Bar:
    """One column of the chart over time: heights in percent of the highest."""

    label: str
    seen: int
    resolved: int
    repaired: int
    seen_height: float
    resolved_height: float


@dataclass(frozen=True)
class Timing:
    """One row of the chart of times: where median and p95 lie, in percent of its width."""

    name: str
    spread: Spread
    median: float
    p95: float


def page(report: Report, zone: str) -> str:
    """The page, with its moments on the clock of ``zone``."""
    here = ZoneInfo(zone)
    environment = Environment(
        loader=PackageLoader("aiops.adapters", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"span": span, "at": lambda moment: f"{moment.astimezone(here):%Y-%m-%d %H:%M}"}
    reference, times = timings(report)
    return environment.get_template("report.html").render(
        report=report,
        zone=zone,
        bars=list(bars(report, here)),
        tallest=_tallest(report),
        times=times,
        reference=reference,
        days=DAYS,
        shade=shades(report.symbiosis.heat if report.symbiosis else ()),
    )


def bars(report: Report, here: ZoneInfo) -> Iterable[Bar]:
    """Incidents over time, against the fullest piece of the span."""
    most = _tallest(report) or 1
    form = "%a %H:%M" if len(report.slices) <= _HOURS_SHOWN and report.sort != "monthly" else "%d %b"
    for one in report.slices:
        yield Bar(
            label=f"{one.since.astimezone(here):{form}}",
            seen=one.seen,
            resolved=one.resolved,
            repaired=one.repaired,
            seen_height=_HEIGHT * one.seen / most,
            resolved_height=_HEIGHT * one.resolved / most,
        )


def _tallest(report: Report) -> int:
    return max((max(one.seen, one.resolved) for one in report.slices), default=0)


def timings(report: Report) -> tuple[float, list[Timing]]:
    """Where the reference lies, in percent of the width, and the rows. Logarithmic: seconds and days stand side by side."""
    named = (
        ("detected within", report.detection),
        ("repaired after", report.repair),
        ("resolved after", report.closing),
    )
    widest = max([report.reference * 1.25, *(spread.p95 or 0.0 for _, spread in named)])

    def place(seconds: float | None) -> float:
        return 100 * math.log1p(seconds or 0.0) / math.log1p(widest)

    return place(report.reference), [
        Timing(name, spread, place(spread.median), place(spread.p95)) for name, spread in named
    ]


def shades(heat: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each hour of the week 0 (nothing) to 5: fifths of the busiest."""
    most = max((max(row) for row in heat), default=0) or 1
    return [[-(-_SHADES * count // most) for count in row] for row in heat]


def span(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return "–"  # noqa: RUF001 - a dash that stands for nothing
    for unit, name in _UNITS:
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"
