"""What humans believed of servers of others: one small file, replaced as a whole."""

import json
import os
from pathlib import Path

from pydantic import ValidationError

from aiops.domain.tool import Trust
from aiops.errors import LedgerBusyError, SettingsError


class TrustFile:
    """Reads it anew each time: another process may have written it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def of(self, server: str) -> Trust | None:
        """What was believed of the server.

        :raises SettingsError: the file is none of ours
        """
        return self._all().get(server)

    def keep(self, trust: Trust) -> None:
        """:raises LedgerBusyError: it cannot be written."""
        known = {**self._all(), trust.server: trust}
        text = json.dumps({name: one.model_dump(mode="json") for name, one in sorted(known.items())}, indent=1)
        fresh = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise LedgerBusyError(str(self._path), str(error.strerror), "Give this user write access to it.") from None

    def _all(self) -> dict[str, Trust]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): Trust.model_validate(one) for name, one in known.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, AttributeError, ValidationError):
            raise SettingsError(str(self._path), "it is damaged: remove it and trust the servers again") from None
