from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.adapters.ansible_vars import unsafe_yaml


class Unsafe(str):
    __slots__ = ()


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!unsafe", lambda _, node: Unsafe(node.value))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.one_of(TEXTS, st.integers(), st.booleans(), st.lists(TEXTS, max_size=5))


def read(text: str) -> Any:
    return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with one more tag


def texts(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    return [value] if isinstance(value, str) else []


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), VALUES, max_size=5))
def test_what_is_written_is_read_again_with_every_text_tagged_unsafe(values: dict[str, Any]) -> None:
    again = read(unsafe_yaml(values))
    assert again == values
    assert all(isinstance(text, Unsafe) for text in texts(again))


def test_texts_at_any_depth_are_tagged() -> None:
    values = {
        "all": {"hosts": {"web-1.example": {"ansible_host": "10.0.0.1", "ansible_port": 22}, "101": {}, "on": {}}}
    }
    again = read(unsafe_yaml(values))
    assert again == values
    assert all(isinstance(text, Unsafe) for text in texts(again))


def test_one_text_that_stands_in_two_places_is_tagged_in_both() -> None:
    same = "{{ twice }}"
    text = unsafe_yaml({"a": [same], "b": [same], "c": same})
    assert text.count("!unsafe") == 3
    assert "&" not in text


@pytest.mark.parametrize(
    "value", ["yes", "null", "1", "!vault x", "a: b", "- a", "#", "", " ", "\n", "{{ x }}", "&a", "*a"]
)
def test_texts_that_yaml_would_read_as_something_else_stay_texts(value: str) -> None:
    assert read(unsafe_yaml({"p": value})) == {"p": value}
