"""What every table of the settings is, and where secrets and state lie."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from aiops.errors import SettingsError


class Section(BaseModel):
    """A table of the file; an unknown key in it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def git_address(address: str) -> str:
    """An address that git takes for nothing else, and that holds no secret; empty stays empty.

    :raises ValueError: it could be an option or a command, or holds a password
    """
    if address and (address.startswith("-") or "::" in address or any(sign.isspace() for sign in address)):
        raise ValueError("give an address such as ssh://git@forge/ops/journal.git")
    if urlsplit(address).password:
        raise ValueError("an address must not hold a password; use SSH with key_file")
    return address


def default_state() -> Path:
    """Systemd's StateDirectory, or the user's own state folder."""
    given = os.environ.get("STATE_DIRECTORY")
    if given:
        return Path(given.split(":")[0])
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "aiops"


def credential(path: Path) -> Path:
    """Where a secret file is: as given, or in systemd's credentials folder when the path is relative."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return path if path.is_absolute() or not folder else Path(folder) / path


def secret(path: Path) -> str:
    """The secret in use: the first line of the file.

    :raises SettingsError: the file cannot be read, or is empty
    """
    return secrets(path)[0]


def secrets(path: Path) -> tuple[str, ...]:
    """Every secret in the file, one a line. The first is used; whoever checks one accepts them all, so that it can be changed
    without a gap (see docs/howto/change-a-key.md).

    :raises SettingsError: the file cannot be read, or is empty
    """
    place = credential(path)
    try:
        text = place.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = "is it a locked git-crypt file?" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        raise SettingsError(str(place), f"the secret cannot be read: {reason}") from None
    if not text:
        raise SettingsError(str(place), "the secret file is empty")
    return tuple(line.strip() for line in text.splitlines() if line.strip())
