"""Every language says the same things: the same keys, and the same things filled in."""

import re
import string
from pathlib import Path

import pytest

from aiops import words
from aiops.domain.incident import State
from aiops.domain.talk import Press
from aiops.steps.commands import COMMANDS

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
