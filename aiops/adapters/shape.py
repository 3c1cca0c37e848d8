"""Takes apart what another system sent: what has another shape than published is a reason, never an empty answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiops.errors import SettingsError


class Transport(Protocol):
    """One GET of an API; the adapter above it reads what comes."""

    def get(self, path: str, **parameters: str | float) -> Any:
        """:raises SettingsError: it refuses, or sends no JSON; :raises BusError: it does not answer now."""


class Shape:
    """Reads the answer to one question; ``where`` is named when it has another shape."""

    def __init__(self, where: str) -> None:
        self._where = where

    def rows(self, answer: Any) -> Sequence[Mapping[str, Any]]:
        """A list of objects.

        :raises SettingsError: it is none
        """
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise SettingsError(self._where, f"a list of objects was expected, not {str(answer)[:80]!r}")
        return answer

    def object(self, answer: Any) -> Mapping[str, Any]:
        """An object.

        :raises SettingsError: it is none
        """
        if not isinstance(answer, dict):
            raise SettingsError(self._where, f"an object was expected, not {str(answer)[:80]!r}")
        return answer

    def text(self, row: Mapping[str, Any], key: str) -> str:
        """A text that must be there, and not empty.

        :raises SettingsError: it is not
        """
        value = row.get(key)
        if not isinstance(value, str) or not value:
            raise SettingsError(self._where, f"{key} is {value!r}, which is no text")
        return value

    def whole(self, row: Mapping[str, Any], key: str, default: int | None = None) -> int:
        """A whole number; the default where it is left out.

        :raises SettingsError: it is none
        """
        value = row.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingsError(self._where, f"{key} is {value!r}, which is no whole number")
        return value

    def flag(self, row: Mapping[str, Any], key: str, *, default: bool) -> bool:
        """Proxmox writes booleans as 0 and 1."""
        value = row.get(key, default)
        if value not in (0, 1):
            raise SettingsError(self._where, f"{key} is {value!r}, which is neither yes nor no")
        return bool(value)


def unknown_question(source: str, question: str) -> SettingsError:
    """For a question that a source has no answer to: a fault of ours."""
    return SettingsError(source, f"it cannot be asked about {question!r}")
