"""The rule for floods on real error counts with bursts put in: never worse than what was measured when it was chosen."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

import pytest

from aiops.domain.spike import BIN, DAY, Rule, spike
from tests.reference import FOLDER

DAYS = 14
BINS = DAYS * DAY
LONG = 3  # bins of a burst


class Ages(Mapping[int, int]):
    """A series as it is seen at one of its bins: by age."""

    def __init__(self, counts: list[int], now: int) -> None:
        self.counts, self.now = counts, now

    def __getitem__(self, age: int) -> int:
        if not 0 <= self.now - age < len(self.counts):
            raise KeyError(age)
        return self.counts[self.now - age]

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.now + 1))

    def __len__(self) -> int:
        return self.now + 1


def background() -> list[int]:
    """Apache's errors per five minutes, repeated until two weeks are full."""
    found: Counter[int] = Counter()
    for row in (FOLDER / "data" / "loghub" / "Apache_2k.log").read_text(errors="replace").splitlines():
        if "] [error] " in row:
            found[int(datetime.strptime(f"{row[1:25]} +0000", "%a %b %d %H:%M:%S %Y %z").timestamp() // BIN)] += 1
    first = min(found)
    counts = [found[number] for number in range(first, max(found) + 1)]
    return [counts[number % len(counts)] for number in range(BINS)]


def measure(counts: list[int], burst: int, seed: int) -> tuple[int, int]:
    """How many of twenty bursts are seen, and in how many bins far from any there is a false alarm."""
    chance = random.Random(seed)  # noqa: S311 - the same series every time is what is wanted
    starts = [2 * DAY + int(chance.random() * (BINS - 2 * DAY - 5)) for _ in range(20)]
    series = list(counts)
    for start in starts:
        for bin_ in range(start, start + LONG):
            series[bin_] += burst
    near = {bin_ for start in starts for bin_ in range(start, start + LONG + DAY // 24)}
    alarms = {
        now for now in range(DAY // 4, BINS) if series[now] >= Rule().least and spike(Ages(series, now), now, Rule())
    }
    seen = sum(any(bin_ in alarms for bin_ in range(start, start + LONG)) for start in starts)
    return seen, len(alarms - near)


@pytest.mark.parametrize(("burst", "least"), [(100, 99), (30, 78)])
def test_bursts_on_real_errors_are_seen_as_often_as_promised(burst: int, least: int) -> None:
    results = [measure(background(), burst, seed) for seed in range(5)]
    seen, false = sum(one for one, _ in results), sum(other for _, other in results)
    assert (seen >= least, false) == (True, 0), f"{seen} of 100 seen, {false} false alarms in {5 * DAYS} days"
