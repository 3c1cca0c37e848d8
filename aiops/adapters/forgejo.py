"""How much is worked in a Forgejo: the commits of its own repositories, counted through its REST API.

Lists come in pages, newest first. Mirrors and forks hold the work of others; what was not pushed to since then is not asked for.
The token needs the scope ``read:repository``, and without named repositories ``read:user`` too.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from aiops.adapters.json_api import JsonApi
from aiops.adapters.shape import Shape
from aiops.errors import SettingsError

_PAGE: Final = 50
"""Forgejo's own limit, unless its operator raised it (``[api] MAX_RESPONSE_ITEMS``)."""
_MOST_PAGES: Final = 100
"""Of one list: 5,000 commits in a month are more than a homelab makes."""
_EMPTY: Final = 409
_LEAN: Final[Mapping[str, str]] = {"stat": "false", "verification": "false", "files": "false"}
"""Without these, Forgejo compares and verifies each commit for every answer."""


class ForgejoCommits:
    """Port ``Forge``. ``repositories`` as ``owner/name``; empty: all that the token's user owns or may read."""

    def __init__(self, api: JsonApi, repositories: Sequence[str] = ()) -> None:
        self._api, self._repositories = api, tuple(repositories)

    def commits_since(self, since: datetime) -> int:
        """See the port."""
        return sum(self._commits(name, since) for name in self._names(since))

    def _names(self, since: datetime) -> Iterator[str]:
        if self._repositories:
            yield from self._repositories
            return
        shape = Shape(f"{self._api.name} /user/repos")
        for rows in self._pages("/api/v1/user/repos", {}):
            for row in rows:
                others = any(shape.flag(row, key, default=False) for key in ("mirror", "fork", "empty"))
                if not others and _moment(shape, row, "updated_at") >= since:
                    yield shape.text(row, "full_name")

    def _commits(self, name: str, since: datetime) -> int:
        path, found = f"/api/v1/repos/{name}/commits", 0
        shape = Shape(f"{self._api.name} {path}")
        for rows in self._pages(path, _LEAN):
            young = sum(_moment(shape, row, "created") >= since for row in rows)
            found += young
            if not young:  # a whole page is older: what follows is older still
                break
        return found

    def _pages(self, path: str, parameters: Mapping[str, str]) -> Iterator[Sequence[Mapping[str, Any]]]:
        shape = Shape(f"{self._api.name} {path}")
        for page in range(1, _MOST_PAGES + 1):
            reply = self._api.ask(path, **parameters, limit=_PAGE, page=page)
            if reply.status == _EMPTY:  # a repository without a commit
                return
            rows = shape.rows(self._api.parsed(path, reply))
            if not rows:  # a short page need not be the last: its operator may allow less than we ask for
                return
            yield rows
        raise SettingsError(f"{self._api.name} {path}", f"its pages do not come to an end after {_MOST_PAGES}")


def _moment(shape: Shape, row: Mapping[str, Any], key: str) -> datetime:
    text = shape.text(row, key)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise SettingsError(f"forgejo {key}", f"{text[:40]!r} is no moment with a time zone")
    return found
