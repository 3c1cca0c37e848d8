"""Whether a count of log lines is far above what is usual. Measured on real logs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

BIN = 300
"""Seconds of a bin."""

DAY = 24 * 3600 // BIN
_HOUR = 3600 // BIN
_WEEK = 7
_ENOUGH = 15  # seasonal values, of 35 in a whole week
_NORMAL = 1.4826  # makes a median absolute deviation comparable with a standard deviation


@dataclass(frozen=True)
class Rule:
    """Limits of the rule. ``sure`` in one bin, ``high`` in two of three; never below ``least`` lines nor ``times`` the median."""

    high: float = 8
    sure: float = 16
    least: int = 10
    times: float = 3
    cold_hours: float = 6
    cold_least: int = 30


@dataclass(frozen=True)
class Spike:
    """How many lines there were, how many there usually are, and how unusual that is."""

    lines: int
    usual: float
    score: float


def spike(counts: Mapping[int, int], known: int, rule: Rule, at: int = 0) -> Spike | None:
    """Judge one bin. ``counts`` are lines by age in bins (0 is the newest), a bin without lines left out; ``known`` is how many
    bins back anything is known at all; ``at`` is the age of the bin to judge.
    """
    lines = counts.get(at, 0)
    if known - at < rule.cold_hours * _HOUR:
        return Spike(lines, 0, 0) if lines >= rule.cold_least else None
    here = _judge(counts, known, rule, at)
    if here is None:
        return None
    if here.score >= rule.sure:
        return here
    before = [_judge(counts, known, rule, at + age) for age in (1, 2)]
    return here if any(before) else None


def _judge(counts: Mapping[int, int], known: int, rule: Rule, at: int) -> Spike | None:
    lines = counts.get(at, 0)
    if lines < rule.least:
        return None
    day = [counts.get(age, 0) for age in range(at + 1, min(at + 1 + DAY, known))]
    usual = median(day) if day else 0
    score = min(_rolling(lines, day), _seasonal(counts, known, lines, at, day))
    if score < rule.high or (lines < rule.times * usual and score < rule.sure):
        return None
    return Spike(lines, usual, round(score, 1))


def _even(lines: float) -> float:
    """Anscombe's transformation: what is counted gets the same spread whatever its size."""
    return 2 * math.sqrt(lines + 3 / 8)


def _score(lines: int, middle: float, spread: float) -> float:
    return (_even(lines) - middle) / max(spread, 1)


def _middle_and_spread(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return _even(0), 0
    middle = median(values)
    return middle, _NORMAL * median(abs(value - middle) for value in values)


def _rolling(lines: int, day: Sequence[int]) -> float:
    return _score(lines, *_middle_and_spread([_even(count) for count in day]))


def _seasonal(counts: Mapping[int, int], known: int, lines: int, at: int, day: Sequence[int]) -> float:
    """Against the same ten minutes of the days before, and against the hour before if that was higher."""
    ages = (at + back * DAY + shift for back in range(1, _WEEK + 1) for shift in (-2, -1, 0, 1, 2))
    values = [_even(counts.get(age, 0)) for age in ages if age < known]
    if len(values) < _ENOUGH:
        return _rolling(lines, day)
    middle, spread = _middle_and_spread(values)
    recent, _ = _middle_and_spread([_even(count) for count in day[:_HOUR]])
    return _score(lines, max(middle, recent), spread)
