"""Every language says the same things: the same keys, and the same things filled in."""

import ast
import importlib
import pkgutil
import re
import string
import tomllib
from functools import cache
from pathlib import Path

import pytest

import aiops.steps
from aiops import detectors, rules, words
from aiops.domain.finding import Kind
from aiops.domain.heard import ALERT
from aiops.domain.incident import State
from aiops.domain.talk import Press
from aiops.steps.commands import COMMANDS
from aiops.words.sentences import LONGEST, Phrasebook

ROOT = Path(__file__).parents[2]
OTHERS = [language for language in words.LANGUAGES if language != "en"]


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_the_keys_are_the_same(language: words.Language) -> None:
    assert words.load(language).keys() == words.load("en").keys()


@pytest.mark.parametrize("language", OTHERS)
def test_the_same_things_are_filled_in(language: words.Language) -> None:
    english, other = words.load("en"), words.load(language)
    known = english.keys()
    different = [key for key in sorted(known) if places(english.template(key)) != places(other.template(key))]
    assert different == []


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_state_button_and_command_has_its_words(language: words.Language) -> None:
    known = words.load(language)
    wanted = [f"state.{state.value}" for state in State] + [f"press.{press.value}" for press in Press]
    wanted += [f"{table}.{name}" for name in COMMANDS for table in ("command", "usage")]
    assert [key for key in wanted if key not in known] == []


def test_every_key_that_the_code_names_is_there() -> None:
    known = words.load("en")
    named = {
        key
        for path in (ROOT / "aiops" / "steps").glob("*.py")
        for key in re.findall(r"words\(\s*\"([a-z]+\.[a-z_]+)\"", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    assert [key for key in sorted(named) if key not in known] == []


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_telegram_takes_every_button_toast_and_command(language: words.Language) -> None:
    known = words.load(language)
    for name in COMMANDS:
        assert re.fullmatch(r"[a-z0-9_]{1,32}", name)
        assert 1 <= len(known(f"command.{name}")) <= 256
    assert all(len(known(f"press.{press.value}")) <= 20 for press in Press)


# what the records say


@cache
def sentences(language: words.Language) -> dict[str, dict[str, str]]:
    file = ROOT / "aiops" / "words" / f"{language}_sentences.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def kinds() -> set[str]:
    """The sentence of every kind of finding that there is."""
    found = {kind.sentence for detector in detectors.load().values() for kind in detector.kinds.values()}
    for module in pkgutil.iter_modules(aiops.steps.__path__):
        loaded = importlib.import_module(f"aiops.steps.{module.name}")
        found |= {value.sentence for value in vars(loaded).values() if isinstance(value, Kind)}
    return found | {ALERT.sentence}


@pytest.mark.parametrize("language", OTHERS)
def test_every_rules_reason_is_there_in_both_languages_and_no_kind_that_is_gone(language: words.Language) -> None:
    """A new guardian is one file: its kinds are shown in English until somebody has given them a line."""
    given = sentences(language)
    assert set(given["kinds"]) <= kinds()
    assert set(given["rules"]) == {rule.reason for rule in rules.load(rules.SHIPPED)}
    assert all(other.strip() and other != english for table in given.values() for english, other in table.items())


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_filled_into_a_sentence_is_the_same(language: words.Language) -> None:
    lines = [line for table in sentences(language).values() for line in table.items()]
    assert [english for english, other in lines if places(english) != places(other)] == []
    # Side by side, nobody could tell where one ends.
    assert [english for english, _ in lines if "}{" in english] == []


@pytest.mark.parametrize("language", OTHERS)
def test_every_word_of_a_state_an_end_and_a_risk_is_there(language: words.Language) -> None:
    wanted = {state.value for state in State} | {press.value for press in Press}
    wanted |= {"success", "failure", "unknown", "skipped", "low", "medium", "high", "policy"}
    wanted |= {"daily", "monthly", "security"}
    wanted |= {"remediate", "investigate", "alert_human", "drop"}
    assert set(sentences(language)["values"]) == wanted


def written() -> set[str]:
    """Every piece of text that a step is made of."""
    found: set[str] = set()
    for path in (ROOT / "aiops" / "steps").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


@pytest.mark.parametrize("language", OTHERS)
def test_no_sentence_is_kept_that_nobody_says_any_more(language: words.Language) -> None:
    said = written()
    pieces = {
        (english, piece)
        for table in ("record", "explain", "night")
        for english in sentences(language)[table]
        for literal in re.split(r"\{[a-z]+\}", english)
        for piece in map(str.strip, re.split(r"[,:;.()]", literal))
        if len(piece) >= 12
    }
    assert len(pieces) > 60
    assert sorted(english for english, piece in pieces if not any(piece in text for text in said)) == []


def test_a_sentence_of_ours_is_said_with_what_was_filled_in() -> None:
    french = words.load("fr")
    assert french.said("restart_service on ct201 handed to CT196, approved by telegram:11") == (
        "restart_service sur ct201 confié à CT196, approuvé par telegram:11"
    )
    assert (
        french.said("alert_human by rule:x: the pool is healthy")
        == "prévenir un humain, selon rule:x : le pool est sain"
    )


def test_a_sentence_inside_another_one_is_found_there() -> None:
    said = words.load("fr").said("remediate by rule:restart_service: restart_service is the known fix for service.dead")
    assert said == "réparer, selon rule:restart_service : restart_service est la réparation connue de service.dead"


def test_the_lines_of_a_report_are_known_in_reports_alone() -> None:
    line, french = "wiki: ct201 is missing", words.load("fr")
    assert french.reported(line) == "wiki : ct201 manque"
    assert french.said(line) == line
    assert french.reported("detected within 3.0 s (median), 9.0 s (p95), of 7") == (
        "détectés en 3.0 s (médiane), 9.0 s (p95), sur 7"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cron.service is dead",
        "killed by oom: again",
        "Killed process 1 (a) by oom",
        "{text} {0} {",
        "x" * (LONGEST + 1),
    ],
)
def test_what_is_not_ours_stays_as_it_is(text: str) -> None:
    assert words.load("fr").said(text) == text
    assert words.load("en").said(text) == text


def test_a_hostile_text_costs_little_and_braces_in_it_are_text() -> None:
    book = Phrasebook({"record": {"{a} on {b} on {c} on {d}: {text}": "{a} sur {b} sur {c} sur {d} : {text}"}})
    hostile = " on ".join(["a: "] * 200)[:LONGEST]
    assert book.said(hostile)
    assert book.said("{x} on {0} on {} on {{: {text}") == "{x} sur {0} sur {} sur {{ : {text}"
