"""Every secret that the settings name, found by the shape of its setting, so that a new one cannot be forgotten."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

_ENDS: Final = ("token_file", "key_file", "password_file", "secret_file")
_OTHERS: Final = frozenset({"keys.signing", "keys.ears"})


def secret_files(settings: BaseModel) -> dict[str, Path]:
    """The secrets that are named, by the name of their setting."""
    return {name: value for name, value in _walk("", settings) if isinstance(value, Path) and is_secret(name)}


def is_secret(name: str) -> bool:
    """Whether a setting of this name names a file that holds a secret."""
    return name.endswith(_ENDS) or name in _OTHERS or ".secrets." in name


def _walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from _walk(f"{name}.{field}".lstrip("."), getattr(value, field))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _walk(f"{name}.{key}", one)
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from _walk(f"{name}.{getattr(one, 'name', number)}", one)
    else:
        yield name, value
