"""What lies ahead on a host, as detectors write it among their figures: a moment that people can read and programs too."""

from datetime import datetime
from typing import Final

from aiops.domain.fact import iso

CERTIFICATE: Final = "first certificate ends"
BACKUP: Final = "every guest is backed up since"


def written(moment: datetime) -> str:
    """As a figure of a sweep."""
    return iso(moment)


def read(figure: str) -> datetime | None:
    """The moment; None where the figure is something else, as from a container that is one version behind."""
    try:
        moment = datetime.fromisoformat(figure)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
