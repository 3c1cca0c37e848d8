"""A certificate, whoever read it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Certificate:
    """The fields that matter for its life. ``names`` are DNS names and addresses; both times are in UTC."""

    common_name: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint: str

    @property
    def lifetime(self) -> timedelta:
        """From its first to its last moment."""
        return self.not_after - self.not_before

    def covers(self, name: str) -> bool:
        """Whether it is good for a DNS name or an address; a wildcard stands for exactly one label (RFC 6125)."""
        wanted = name.lower().rstrip(".")
        names = {known.lower() for known in self.names or (self.common_name,)}
        return wanted in names or f"*.{wanted.partition('.')[2]}" in names


@dataclass(frozen=True)
class Served:
    """What a TLS endpoint shows to whoever connects.

    ``certificate`` is None when nobody shook hands. ``problem`` is why not, or why a careful client hangs up, else empty.
    """

    endpoint: str
    name: str
    certificate: Certificate | None
    problem: str = ""
