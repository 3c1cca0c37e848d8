"""The report's page, read as text and by Python's own HTML parser."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from aiops import bootstrap, steps
from aiops.adapters.report_page import page, shades
from aiops.adapters.usage_db import read_symbiosis
from aiops.domain.report import Report
from aiops.errors import SettingsError
from aiops.settings import Settings, Usage
from tests.incident_world import World
from tests.night.usage import usage_db
from tests.pages.day import HOSTILE, the_day


class Reader(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, Report]:
    return the_day(tmp_path_factory.mktemp("day"), hostile=True)


def test_the_figures_of_a_day_are_those_that_happened(day: tuple[World, Report]) -> None:
    _, report = day
    assert (report.seen, report.repaired, report.relapsed, report.without_model) == (12, 7, 1, 9)
    assert report.repair.count == 7
    assert (report.within_reference, report.reference) == (6, 48.0)
    assert sum(one.seen for one in report.slices) == 12
    assert sum(one.repaired for one in report.slices) == 7
    assert len(report.slices) == 24
    (repairs,) = report.outcomes
    assert (repairs.playbook, repairs.success, repairs.by_itself, repairs.by_human) == ("restart_service", 7, 7, 0)
    assert {one.guardian: (one.kept, one.missed) for one in report.punctuality} == {
        "disk": (95, 1),
        "health": (96, 0),
        "soc": (96, 0),
    }
    assert [one.tokens for one in report.costs] == [3800, 2388, 2100]
    assert report.costs[0].title == "ct231: 211 guessed passwords"
    (standing,) = [one for one in report.autonomy if one.playbook == "restart_service"]
    assert standing.proved == 7


def test_text_json_page_and_phone_show_the_same_figures(day: tuple[World, Report]) -> None:
    _, report = day
    text = "\n".join(steps.report_lines(report))
    assert "seen 12 " in text
    assert "6 within the 48 s of reference" in text
    assert "late: disk kept 95 of 96 looks" in text
    assert json.loads(report.model_dump_json())["within_reference"] == 6
    words = " ".join(" ".join(Reader(page(report, "Europe/Paris")).words).split())
    assert "repaired within the reference 6 7" in words
    assert "disk 95 1 99 %" in words


def test_what_a_host_says_is_text_and_nothing_else(day: tuple[World, Report]) -> None:
    text = page(day[1], "Europe/Paris")
    read = Reader(text)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "img", "iframe", "object", "form"})
    assert any(HOSTILE in word for word in read.words)
    assert "{{ 7 * 7 }}" in text, "what looks like a template is none"
    assert not [name for _, attributes in read.tags for name in attributes if name.startswith("on")]


def test_the_page_needs_nothing_from_anywhere(day: tuple[World, Report]) -> None:
    text = page(day[1], "UTC")
    read = Reader(text)
    links = [value for _, attributes in read.tags for name, value in attributes.items() if name in {"href", "src"}]
    assert all(link and link.startswith(("#", "data:,")) for link in links)
    assert re.findall(r"url\(|@import|https?://", text) == []


def test_every_picture_has_a_name_and_every_wide_table_can_be_reached(day: tuple[World, Report]) -> None:
    read = Reader(page(day[1], "UTC"))
    assert all(
        attributes.get("role") == "img" and attributes.get("aria-label")
        for tag, attributes in read.tags
        if tag == "svg"
    )
    regions = [attributes for _, attributes in read.tags if attributes.get("class") == "scroll"]
    assert len(regions) >= 7
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in regions)
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(attributes["href"])[1:] for tag, attributes in read.tags if tag == "a"}
    assert targets <= set(ids)
    for _, attributes in read.tags:
        assert str(attributes.get("aria-labelledby", ids[0])) in ids


def test_a_day_without_anything_is_a_page_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    report = steps.report_figures("daily", *steps.last_day(world.now), world.ledger)
    words = " ".join(Reader(page(report.model_copy(update={"no_symbiosis": "there is none"}), "UTC")).words)
    assert "Nothing was seen." in words
    assert "Not measured: there is none" in words


SESSIONS = (
    ("2026-11-20T10:00:00.000Z", "2026-11-20T12:00:00.000Z", 100, 50, 800, 100),
    ("2026-11-21T22:30:00.000Z", "2026-11-22T00:30:00.000Z", 100, 50, 800, 100),
)


def test_the_symbiosis_is_measured_on_the_operators_clock(tmp_path: Path) -> None:
    path = usage_db(tmp_path / "usage.db", *SESSIONS, turns=("2026-11-21T22:31:00.000Z", "2026-07-01T22:10:00Z"))
    both = read_symbiosis(path, ("a-secret-*",), "Europe/Paris")
    assert (both.sessions, both.hours, both.mean_hours, both.mean_turns) == (2, 4.0, 2.0, 3.0)
    assert (both.cache_hit, both.focus) == (80.0, 100.0)
    assert both.heat[5][23] == 1, "Saturday, 23 h in winter"
    assert both.heat[3][0] == 1, "Thursday, midnight in summer"
    assert both.hottest == 1
    assert "secret" not in both.model_dump_json()
    assert read_symbiosis(path, ("another",), "UTC").focus == 0.0
    assert read_symbiosis(path, (), "UTC").focus is None


def test_a_database_that_is_not_there_or_not_one_is_said(tmp_path: Path) -> None:
    found, why = bootstrap.symbiosis(Settings(usage=Usage(database=tmp_path / "none.db")))
    assert found is None
    assert "there is no file" in why
    (tmp_path / "text.db").write_text("this is no database at all, only words", encoding="utf-8")
    with pytest.raises(SettingsError, match="cannot be read as a usage database"):
        read_symbiosis(tmp_path / "text.db", (), "UTC")


def test_an_empty_database_divides_by_nothing(tmp_path: Path) -> None:
    both = read_symbiosis(usage_db(tmp_path / "usage.db"), ("x",), "UTC")
    assert (both.sessions, both.mean_hours, both.cache_hit, both.focus, both.hottest) == (0, None, None, None, 0)


def test_the_busiest_hour_is_the_darkest_and_one_turn_is_not_nothing() -> None:
    assert shades([[0, 1, 50, 100]]) == [[0, 1, 3, 5]]
    assert shades([]) == []


def test_a_guardian_that_did_not_look_at_all_is_late_and_a_weekly_one_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    end, world.now = world.now, world.now - timedelta(days=3)
    while world.now < end - timedelta(hours=30):
        steps.correlate(world.sweep(name=f"s{world.now.timestamp()}"), world.services)
        world.later(hours=1)
    periods = {"health": timedelta(hours=1), "mirrors": timedelta(days=7)}
    report = steps.report_figures("daily", *steps.last_day(end), world.ledger, periods=periods)
    late = {one.guardian: (one.kept, one.share) for one in report.punctuality}
    assert late == {"health": (0, 0.0), "mirrors": (0, None)}
