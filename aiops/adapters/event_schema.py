"""The event's JSON Schema, generated from the model and committed: what subscribers in other languages check against."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from aiops.domain.event import Event

COMMITTED: Final = Path(str(files("aiops") / "schemas" / "event.schema.json"))


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what a publisher must send."""
    return Event.model_json_schema(mode="validation")


def text() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=2, sort_keys=True, ensure_ascii=True) + "\n"


def stale() -> bool:
    """Whether the committed file says something else than the model."""
    return not COMMITTED.is_file() or COMMITTED.read_text(encoding="utf-8") != text()


def rewrite() -> Path:
    """Write the file anew and return its path.

    :raises OSError: the file cannot be written, for example in an installed package
    """
    COMMITTED.parent.mkdir(exist_ok=True)
    COMMITTED.write_text(text(), encoding="utf-8")
    return COMMITTED


if __name__ == "__main__":
    print(rewrite())  # noqa: T201 - the command's answer
