"""What is written down about the fleet, and where it differs from what is."""

from aiops.domain.fact import Fact, Moment


class Page(Fact):
    """One Markdown page of the wiki, by its path."""

    path: str
    text: str


class Commit(Fact):
    """One commit of a repository that the journal should name."""

    repository: str
    hash: str
    at: Moment
    subject: str
    body: str = ""


class Delta(Fact):
    """One difference: ``where`` it is written, what is wrong there."""

    where: str
    text: str
