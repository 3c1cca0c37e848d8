"""Reads RSS 2, Atom and RDF (RSS 1) feeds of strangers: what they say is data, cut and scrubbed before anybody sees it."""

import hashlib
import html
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from aiops.adapters.llm_text import plain
from aiops.adapters.safe_fetch import SafeFetch
from aiops.condense.scrub import scrub
from aiops.domain.night import FeedItem
from aiops.errors import RefusedError, SettingsError

MOST_ITEMS: Final = 100
"""Of one feed: whoever sends more has sent its archive."""
_TITLE, _SUMMARY, _LINK = 200, 400, 400
_ATOM: Final = "{http://www.w3.org/2005/Atom}"
_DC: Final = "{http://purl.org/dc/elements/1.1/}"
_RSS1: Final = "{http://purl.org/rss/1.0/}"
_RDF_ABOUT: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


class WebFeeds:
    """Port ``FeedSource``."""

    def __init__(self, fetch: SafeFetch) -> None:
        self._fetch = fetch

    def read(self, url: str) -> Sequence[FeedItem]:
        return parse(url, self._fetch.get(url))


def parse(url: str, content: bytes) -> Sequence[FeedItem]:
    """The items of a feed.

    :raises RefusedError: ``bomb``, it declares entities
    :raises SettingsError: it is no XML, or no feed
    """
    name = url.partition("?")[0]
    try:
        root = fromstring(content, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException as error:
        raise RefusedError("bomb", f"{name} declares entities ({type(error).__name__}), as XML bombs do") from None
    except (ParseError, ValueError, LookupError) as error:
        raise SettingsError(name, f"it is no well-formed XML: {error}") from None
    if root.tag == "rss":
        title, rows = root.findtext("channel/title"), root.iterfind("channel/item")
        made = (_rss(row, "") for row in rows)
    elif root.tag.endswith("}RDF"):
        title, made = (
            root.findtext(f"{_RSS1}channel/{_RSS1}title"),
            (_rss(row, _RSS1) for row in root.iter(f"{_RSS1}item")),
        )
    elif root.tag == f"{_ATOM}feed":
        title, made = root.findtext(f"{_ATOM}title"), (_atom(row) for row in root.iterfind(f"{_ATOM}entry"))
    else:
        raise SettingsError(name, "it is XML, but neither RSS nor Atom")
    feed = _text(title, _TITLE) or name
    return list(_items(url, feed, made))


def _items(url: str, feed: str, rows: Iterator[dict[str, Any]]) -> Iterator[FeedItem]:
    """Each once, by its id, its link or its title, whichever it has first."""
    known: set[str] = set()
    for number, row in enumerate(rows):
        if number == MOST_ITEMS:
            return
        title, summary = _text(row["title"], _TITLE), _text(row["summary"], _SUMMARY)
        link = _link(row["link"])
        identity = (row["id"] or "").strip() or link or title
        if not identity or not (title or summary):
            continue
        key = hashlib.sha256(f"{link or url}\0{identity}".encode()).hexdigest()[:32]
        if key not in known:
            known.add(key)
            yield FeedItem(
                key=key, feed=feed, title=title or summary[:_TITLE], link=link, summary=summary, at=_moment(row["at"])
            )


def _rss(row: Element, space: str) -> dict[str, Any]:
    return {
        "title": row.findtext(f"{space}title"),
        "link": row.findtext(f"{space}link"),
        "summary": row.findtext(f"{space}description"),
        "id": row.findtext("guid") or row.get(_RDF_ABOUT),
        "at": row.findtext("pubDate") or row.findtext(f"{_DC}date"),
    }


def _atom(row: Element) -> dict[str, Any]:
    links = [one for one in row.iterfind(f"{_ATOM}link") if one.get("rel", "alternate") == "alternate"]
    return {
        "title": _whole(row.find(f"{_ATOM}title")),
        "link": links[0].get("href") if links else None,
        "summary": _whole(row.find(f"{_ATOM}summary")) or _whole(row.find(f"{_ATOM}content")),
        "id": row.findtext(f"{_ATOM}id"),
        "at": row.findtext(f"{_ATOM}updated") or row.findtext(f"{_ATOM}published"),
    }


def _whole(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext())


def _text(text: str | None, length: int) -> str:
    """One line without markup, without what looks like a secret, without what cannot be seen."""
    bare = html.unescape(_TAGS.sub(" ", html.unescape((text or "")[: length * 20])))
    return " ".join(plain(scrub(_TAGS.sub(" ", bare)), length).split())


def _link(text: str | None) -> str:
    """The address, if it is one that a human may open."""
    link = "".join((text or "").split())
    clean = link.isascii() and link.isprintable() and len(link) <= _LINK
    return scrub(link) if clean and link.startswith(("http://", "https://")) else ""


def _moment(text: str | None) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read((text or "").strip())
        except (ValueError, TypeError, OverflowError):
            continue
        try:
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            return None
    return None
