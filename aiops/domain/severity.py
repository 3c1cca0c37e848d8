"""How bad it is, in the operator's four words."""

from enum import StrEnum


class Severity(StrEnum):
    """debug is kept only; info goes to the group silently; warning to the group; critical to a direct message."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for debug to 3 for critical, so that severities compare."""
        return tuple(Severity).index(self)


def worst(severities: "list[Severity]") -> Severity:
    """The highest of them; ``debug`` when there are none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.DEBUG)
