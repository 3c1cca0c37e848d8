"""The wiki, the ops journal and the repositories it should speak of, in git. Nothing is pushed but new branches of the wiki."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from aiops.adapters.git_repository import GitRepository
from aiops.domain.docs import Commit, Page

MOST_BYTES: Final = 1_000_000
"""Of one page: a year of a busy journal is a tenth of it."""


class GitDocs:
    """Port ``DocsSource``."""

    def __init__(
        self, wiki: GitRepository | None, journal: GitRepository | None, repositories: Mapping[str, GitRepository]
    ) -> None:
        self._wiki, self._journal, self._repositories = wiki, journal, repositories

    def pages(self) -> Sequence[Page]:
        found = self._wiki.read(".md", MOST_BYTES) if self._wiki else {}
        return [Page(path=path, text=text) for path, text in sorted(found.items())]

    def journal(self) -> str | None:
        return "\n".join(self._journal.read(".md", MOST_BYTES).values()) if self._journal else None

    def commits(self, since: datetime) -> Sequence[Commit]:
        return [
            Commit(repository=name, hash=number, at=datetime.fromisoformat(at), subject=subject, body=body)
            for name, repository in self._repositories.items()
            for number, at, subject, body in repository.log(since)
        ]

    def propose(self, branch: str, files: Mapping[str, str], message: str) -> bool:
        if self._wiki is None or self._wiki.has(branch):
            return False
        self._wiki.offer(branch, files, message)
        return True
