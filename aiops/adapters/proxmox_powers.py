"""What an API token of Proxmox may do beyond reading, as Proxmox itself says."""

import re
from typing import Any, Final, Protocol

from aiops.errors import SettingsError

_READS: Final = re.compile(r"[A-Za-z]+(\.GuestAgent)?\.Audit")
"""The privileges of the role PVEAuditor: Proxmox calls everything that only reads ``Audit``."""


class Asks(Protocol):
    """GETs below the API."""

    def get(self, path: str, **parameters: str | float) -> Any:
        """The data."""


def beyond_reading(api: Asks) -> list[str]:
    """Every privilege that is not a reading one, as ``path: privilege``, sorted; empty when the token can only look.

    :raises SettingsError: the token is refused, or the answer is none
    :raises BusError: Proxmox does not answer
    """
    found = api.get("/access/permissions")
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise SettingsError("proxmox /access/permissions", "its answer is not what the API documents")
    return sorted(f"{path}: {name}" for path, names in found.items() for name in names if not _READS.fullmatch(name))
