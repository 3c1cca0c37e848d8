"""Kill -9 at every border of a repair before anything is touched (``borders.py`` says how)."""

from collections.abc import Iterator

import pytest

from tests.faults.borders import BEFORE, Border, Yard, all_ended_as_expected, cases, kill_at, one_story, yard_for

pytestmark = [pytest.mark.faults, pytest.mark.root, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard_for(BEFORE, tmp_path_factory.mktemp("borders")) as yard:
        yield yard


@pytest.mark.parametrize(("border", "victim"), cases(BEFORE))
def test_killed_at_a_border_it_is_not_started_twice(yard: Yard, border: Border, victim: str) -> None:
    kill_at(yard, border, victim)


def test_after_all_of_this_every_incident_is_resolved_or_with_a_human(yard: Yard) -> None:
    all_ended_as_expected(yard)


def test_after_all_of_this_hosts_ledgers_events_and_journal_tell_one_story(yard: Yard) -> None:
    one_story(yard)
