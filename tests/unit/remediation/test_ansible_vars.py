from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.adapters.ansible_vars import unsafe_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.one_of(TEXTS, st.integers(), st.booleans(), st.lists(TEXTS, max_size=5))


def read(text: str) -> Any:
    """The value below the one tag, which must stand before the whole."""
    assert text.startswith("!unsafe {")
    return yaml.safe_load(text.removeprefix("!unsafe "))


@settings(deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_what_is_written_is_read_again(values: dict[str, Any]) -> None:
    assert read(unsafe_yaml(values)) == values


def test_hosts_keep_their_names() -> None:
    values = {
        "all": {"hosts": {"web-1.example": {"ansible_host": "10.0.0.1", "ansible_port": 22}, "101": {}, "on": {}}}
    }
    assert read(unsafe_yaml(values)) == values


def test_one_text_that_stands_in_two_places_is_written_twice() -> None:
    same = ["{{ twice }}"]
    assert unsafe_yaml({"a": same, "b": same}).count("twice") == 2


@pytest.mark.parametrize(
    "value", ["yes", "null", "1", "!vault x", "a: b", "- a", "#", "", " ", "\n", "&a", "*a", "0x1"]
)
def test_texts_that_yaml_would_read_as_something_else_stay_texts(value: str) -> None:
    assert read(unsafe_yaml({"p": value})) == {"p": value}
