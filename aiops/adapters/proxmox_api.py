"""GETs of one Proxmox node through proxmoxer, with an API token."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from aiops.errors import BusError, SettingsError

SECONDS: Final = 10.0
_REFUSED: Final = range(400, 500)
_PASSING: Final = frozenset({408, 429})
_REMEDY: Final = "the token needs the role PVEAuditor on /"


class ProxmoxApi:
    """See ``aiops.adapters.shape.Transport``. The library and the connection are made at the first request.

    :raises SettingsError: the token's name is none
    """

    def __init__(self, node: str, token: str, secret: Callable[[], str], ca: Path | None = None) -> None:
        """:param node: ``host`` or ``host:port``; :param token: ``user@realm!name``; ``secret`` reads its file anew each time"""
        user, sign, name = token.partition("!")
        if not sign or "@" not in user:
            raise SettingsError("proxmox.token", f"{token!r} is not of the form user@realm!name")
        self.node = node
        self._user, self._name, self._secret = user, name, secret
        self._verify: str | bool = str(ca) if ca else True

    def get(self, path: str, **parameters: str | float) -> Any:
        """See ``aiops.adapters.shape.Transport``."""
        try:
            import proxmoxer  # noqa: PLC0415 - optional: only a container that asks Proxmox has it
        except ImportError as error:
            raise SettingsError("proxmox", "proxmoxer is not installed: pip install 'aiops[proxmox]'") from error
        secret = self._secret()
        try:
            # A session of its own per request: requests' sessions are not meant for several threads.
            api = proxmoxer.ProxmoxAPI(
                self.node,
                user=self._user,
                token_name=self._name,
                token_value=secret,
                verify_ssl=self._verify,
                timeout=SECONDS,
            )
            return api(path.strip("/")).get(**parameters)
        except Exception as error:  # noqa: BLE001 - the boundary to a library that lets its HTTP client's errors through
            status = getattr(error, "status_code", 0)
            if status in _REFUSED and status not in _PASSING:
                raise SettingsError(f"proxmox {self.node} {path}", f"refused ({status}): {_REMEDY}") from None
            reason = f"status {status}" if status else type(error).__name__
            raise BusError(f"proxmox {self.node} {path}", reason) from None
