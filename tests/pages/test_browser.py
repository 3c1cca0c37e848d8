"""The report's page in a real headless Chromium: nothing to complain about, reached by keyboard, readable on a phone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.adapters.report_page import page
from aiops.adapters.usage_db import read_symbiosis
from tests.browser import Browser, Tab
from tests.pages.day import the_day
from tests.pages.usage_year import usage_year

pytestmark = [pytest.mark.chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    _, report = the_day(folder / "world", hostile=True)
    both = read_symbiosis(usage_year(folder / "usage.db"), ("homelab*",), "Europe/Paris")
    path = folder / "report.html"
    path.write_text(page(report.model_copy(update={"symbiosis": both}), "Europe/Paris"), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser.tab()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1440])
def test_the_page_fits_its_window_and_says_nothing_to_the_console(
    tab: Tab, written: str, width: int, tmp_path: Path, *, dark: bool
) -> None:
    tab.complaints.clear()
    tab.asked.clear()
    tab.show(written, width, dark=dark)
    assert tab.overflow() <= 0
    assert tab.complaints == []
    assert [url for url in tab.asked if not url.startswith(("file:", "data:"))] == []
    assert tab.say("window.pwned") is None
    assert tab.say("getComputedStyle(document.body).fontSize") == "16px"
    assert tab.say("getComputedStyle(document.body).backgroundColor") == (
        "rgb(15, 20, 25)" if dark else "rgb(255, 255, 255)"
    )
    assert tab.picture(tmp_path / "seen.png") > 10_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(tab: Tab, written: str, *, dark: bool) -> None:
    """WCAG 2.2, 1.4.3: a ratio of 4.5."""
    tab.show(written, 1440, dark=dark)
    pale = tab.say(CONTRAST)
    assert pale == []


def test_tab_reaches_the_skip_link_the_parts_and_the_wide_tables(tab: Tab, written: str) -> None:
    tab.show(written, 1440)
    reached = tab.reached(24)
    assert reached[0] == "Skip to the figures"
    assert reached[1:9] == [
        "Over time",
        "How fast",
        "Guardians",
        "Repairs",
        "Autonomy",
        "Models",
        "Symbiosis",
        "Incidents",
    ]
    assert {"Punctuality of the guardians", "Repairs by outcome", "Turns by weekday and hour", "Incidents"} <= set(
        reached
    )
    assert tab.say("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_skip_link_leads_past_the_list_of_parts(tab: Tab, written: str) -> None:
    tab.show(written, 375)
    tab.key("Tab")
    tab.key("Enter")
    tab.wait_for("document.activeElement.id === 'content'")


def test_the_page_prints_on_paper(tab: Tab, written: str) -> None:
    tab.show(written, 1440, dark=True)
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.say("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.say("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert len(tab.call("Page.printToPDF", printBackground=True)["data"]) > 20_000
    tab.call("Emulation.setEmulatedMedia", media="")


CONTRAST = """(() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const pale = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
    if (!text || !e.checkVisibility() || e.closest('.skip')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) pale.push(text.slice(0, 40) + ' ' + e.className + ' ' + ratio.toFixed(2));
  }
  return pale;
})()"""
