"""What the old system did by the clock, as data: the shipped file, and the operator's own in front of it."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aiops.domain.moving import OldWork
from aiops.errors import SettingsError

_SHIPPED = Path(__file__).with_name("old_system.toml")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    work: tuple[OldWork, ...] = ()


def old_work(own: Path | None = None) -> Sequence[OldWork]:
    """Every entry, the operator's first.

    :raises SettingsError: a file cannot be used
    """
    return [*(_read(own) if own else ()), *_read(_SHIPPED)]


def _read(path: Path) -> Sequence[OldWork]:
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).work
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(str(path), f"cannot be read: {error}") from None
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise SettingsError(str(path), f"{where}: {error.errors()[0]['msg']}") from None
