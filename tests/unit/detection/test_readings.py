"""What was read once is used again, and only while the host says the same."""

from collections.abc import Callable

import pytest

from aiops.probes import AnyProbe, Probe, UnreadableError, words
from aiops.probes.answer import Answer, read
from aiops.probes.readings import WORTH, Readings

LONG = b"a package\n" * WORTH


class Counting:
    """A reader that counts how often it was needed."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, text: str) -> tuple[str, ...]:
        self.times += 1
        if text.startswith("broken"):
            raise UnreadableError("broken")
        return tuple(text.split("\n"))


@pytest.fixture
def reader() -> Counting:
    return Counting()


@pytest.fixture
def probe(reader: Counting) -> AnyProbe:
    return Probe(name="long", argv=("long",), read=reader)


def ask(readings: Readings, probe: AnyProbe, *said: bytes, host: str = "ct201") -> list[object]:
    reading: Callable[[AnyProbe, bytes], object] = readings.of(host)
    return [read(probe, Answer(one), reading) for one in said]


def test_a_host_that_says_the_same_again_and_again_is_read_twice(probe: AnyProbe, reader: Counting) -> None:
    first, *others = ask(Readings(), probe, LONG, LONG, LONG, LONG, LONG)
    assert reader.times == 2, "once to read it, once to keep it"
    assert others == [first] * 4
    assert first == tuple(LONG.decode().split("\n"))


def test_one_byte_more_is_read_anew(probe: AnyProbe, reader: Counting) -> None:
    seen = ask(Readings(), probe, LONG, LONG, LONG, LONG + b"x", LONG)
    assert seen[3] == tuple((LONG + b"x").decode().split("\n"))
    assert seen[4] == seen[0]
    assert reader.times == 4


def test_what_is_always_different_is_not_kept(probe: AnyProbe, reader: Counting) -> None:
    said = [LONG + b"%d" % number for number in range(6)]
    assert len(set(ask(Readings(), probe, *said))) == 6  # type: ignore[type-var]
    assert reader.times == 6


def test_hosts_do_not_answer_for_each_other(probe: AnyProbe, reader: Counting) -> None:
    readings = Readings()
    ask(readings, probe, LONG, LONG, LONG)
    ask(readings, probe, LONG, LONG, host="ct202")
    assert reader.times == 4


def test_short_output_is_simply_read(probe: AnyProbe, reader: Counting) -> None:
    ask(Readings(), probe, b"short", b"short", b"short")
    assert reader.times == 3


def test_unreadable_output_stays_unreadable(probe: AnyProbe, reader: Counting) -> None:
    readings = Readings()
    for _ in range(3):
        with pytest.raises(UnreadableError, match="broken"):
            ask(readings, probe, b"broken" + LONG)
    assert reader.times == 3


def test_a_probe_that_ended_badly_is_not_saved_by_what_it_printed_before(probe: AnyProbe) -> None:
    readings = Readings()
    ask(readings, probe, LONG, LONG, LONG)
    with pytest.raises(UnreadableError, match="ended with 2"):
        read(probe, Answer(LONG, b"", 2), readings.of("ct201"))


def test_the_memory_is_bounded_and_loses_the_oldest(probe: AnyProbe, reader: Counting) -> None:
    readings = Readings(most=3)
    for number in range(10):
        ask(readings, probe, LONG, LONG, host=f"ct{number}")
    ask(readings, probe, LONG, host="ct9")
    assert reader.times == 20
    ask(readings, probe, LONG, host="ct0")
    assert reader.times == 21


def test_the_same_word_of_two_hosts_is_one_object_and_the_memory_of_words_is_bounded() -> None:
    one, other = (words.shared(said.decode()) for said in (b"wazuh-manager", b"wazuh-manager"))
    assert one is other
    for number in range(words.MOST + 10):
        assert words.shared(f"w{number}") == f"w{number}"
    assert len(words._KNOWN) <= words.MOST
    long = "x" * (words.LONGEST + 1)
    assert words.shared(long) is long
    assert long not in words._KNOWN
