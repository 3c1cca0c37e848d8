"""Taking a host into the fleet."""

from collections.abc import Sequence
from typing import Protocol

from aiops.domain.enrolled import Account, HostKey, Item
from aiops.domain.host import Host
from aiops.domain.moving import Trace, Unseen


class Enrolment(Protocol):
    """What a human's own login on a host is used for, once."""

    def offered(self, host: Host) -> HostKey:
        """The key that answers at the host's address now; it is not trusted by this.

        :raises HostUnreachableError: nobody answers there, or it has no Ed25519 key
        """

    def trusted(self, host: Host) -> Sequence[str]:
        """The fingerprints that are trusted for the host already."""

    def trust(self, host: Host, key: HostKey) -> None:
        """Keep the key as the host's.

        :raises RefusedError: ``changed`` when another key is trusted for it already
        """

    def arrange(self, host: Host, accounts: Sequence[Account], *, change: bool) -> Sequence[Item]:
        """Make the accounts, or with ``change`` False only look, and say how the host stands.

        :raises HostKeyError: the host does not have the key that is trusted
        :raises HostUnreachableError: the human cannot log in there, or may not become root
        :raises RefusedError: ``sudoers`` when the host's visudo does not take a list
        """


class OldSystem(Protocol):
    """What an old system still starts by the clock. Only looks."""

    def look(self, host: Host | None) -> tuple[Sequence[Trace], Sequence[Unseen]]:
        """Every line there that starts something, and the places that could not be read; None is this machine."""
