"""The pages a host must serve, asked for by the detection worker: a service may be active and serve nothing."""

from typing import Final

from aiops.domain.host import Host
from aiops.ports import Page
from aiops.probes import Visit


def _urls(host: Host) -> tuple[str, ...]:
    return tuple(host.labels.get("http", "").split())


PAGES = Visit(name="http", urls=_urls)

FIRST_BAD_STATUS: Final = 400
"""HTTP's own classes: from here on the page was not served."""


def served(page: Page) -> bool:
    """Whether the page came."""
    return page.status is not None and page.status < FIRST_BAD_STATUS


def figure_name(url: str) -> str:
    """Under which name a sweep keeps what was seen of the page."""
    return f"page {url}"


def figure(page: Page) -> str:
    """What was seen of it: ``up, 34 ms`` or ``down, 12 ms``, ``down`` alone where nothing answered."""
    word = "up" if served(page) else "down"
    return f"{word}, {page.seconds * 1000:.0f} ms" if page.status is not None else word


def read_figure(text: str) -> tuple[bool, int | None]:
    """The other way round: whether it was up, and its milliseconds."""
    word, _, rest = text.partition(", ")
    return word == "up", int(rest.split()[0]) if rest else None
