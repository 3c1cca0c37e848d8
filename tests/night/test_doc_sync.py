"""doc-sync on real git remotes: seeded differences are found and mended on a branch, once, and main is never touched."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops import bootstrap, steps
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.night_book import SqliteNightBook
from aiops.domain.docs import Page
from aiops.domain.guest import Guest
from aiops.domain.host import Host
from aiops.errors import BusError, LedgerBusyError
from aiops.ports import NightServices
from aiops.settings import Docs, Settings
from aiops.steps.doc_tables import compare_page
from tests.incident_world import Hosts

PAGE = """# Machines

Written by hand.

<!-- aiops:hosts -->
| Host | Role | Node | Notes |
|------|:----:|------|-------|
| ct201 | web | pve2 | the \\| photos |
| ct999 | web | pve1 | gone long ago |
<!-- /aiops:hosts -->

More words.
"""
RIGHT = """# Machines

Written by hand.

<!-- aiops:hosts -->
| host | role | node | notes |
|---|---|---|---|
| ct201 | web | pve1 | the \\| photos |
| ct202 | dns | pve1 |  |
<!-- /aiops:hosts -->

More words.
"""
HOSTS = (Host(name="ct201", role="web", address="10.0.0.201"), Host(name="ct202", role="dns", address="10.0.0.202"))


class Known:
    """Port ``Topology`` that knows these, or does not answer."""

    def __init__(self, *guests: Guest) -> None:
        self.known, self.down = list(guests), False

    def guests(self) -> Sequence[Guest]:
        if self.down:
            raise BusError("proxmox", "it does not answer")
        return self.known


def git(folder: Path, *words: str) -> str:
    given = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    done = subprocess.run(["git", *who, *words], cwd=folder, env=given, check=True, capture_output=True, text=True)
    return done.stdout.strip()


class Remote:
    """A bare repository, and a human's clone of it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.bare, self.clone = folder / f"{name}.git", folder / name
        folder.mkdir(exist_ok=True)
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        git(folder, "clone", "--quiet", str(self.bare), str(self.clone))

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def commit(self, message: str, **files: str) -> str:
        for name, text in files.items():
            (self.clone / f"{name}.md").write_text(text, encoding="utf-8")
        git(self.clone, "add", "-A")
        git(self.clone, "commit", "--quiet", "-m", message)
        git(self.clone, "push", "--quiet", "origin", "HEAD:main")
        return git(self.clone, "rev-parse", "HEAD")

    def branches(self) -> list[str]:
        return git(self.bare, "for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()


@pytest.fixture
def wiki(tmp_path: Path) -> Remote:
    remote = Remote(tmp_path / "remotes", "wiki")
    remote.commit("first", machines=PAGE)
    return remote


@pytest.fixture
def proxmox() -> Known:
    return Known(
        Guest(name="ct201", node="pve1", number=201, source="proxmox"),
        Guest(name="ct202", node="pve1", number=202, source="proxmox"),
    )


@pytest.fixture
def night(wiki: Remote, proxmox: Known, tmp_path: Path) -> NightServices:
    return NightServices(
        inventory=Hosts(*HOSTS),
        events=MemoryEvents(),
        book=SqliteNightBook(tmp_path / "night.sqlite"),
        topologies=[proxmox],
        docs=docs(tmp_path, wiki_remote=wiki.url),
        clock=lambda: datetime.now(UTC),
    )


def docs(folder: Path, **given: object) -> object:
    settings = Settings(state=folder / "state", docs=Docs.model_validate(given))
    return bootstrap.night(settings).docs


def test_a_table_of_a_page_is_compared_and_written_anew() -> None:
    facts = [
        {"host": "ct201", "role": "web", "node": "pve1"},
        {"host": "ct202", "role": "dns", "node": "pve1"},
    ]
    deltas, text = compare_page(Page(path="machines.md", text=PAGE), facts)
    assert [one.text for one in deltas] == [
        "ct202 is missing",
        "ct999 is no such host (any more)",
        "ct201: node is written as pve2, it is pve1",
    ]
    assert text == RIGHT
    assert compare_page(Page(path="machines.md", text=RIGHT), facts) == ([], RIGHT)


def test_a_table_for_one_node_holds_only_its_hosts() -> None:
    page = "<!-- aiops:hosts node=pve2 -->\n| host |\n|---|\n<!-- /aiops:hosts -->\n"
    facts = [{"host": "ct201", "node": "pve1"}, {"host": "ct300", "node": "pve2"}]
    deltas, text = compare_page(Page(path="p", text=page), facts)
    assert [one.text for one in deltas] == ["ct300 is missing"]
    assert "ct201" not in text


@pytest.mark.parametrize("text", ["no marks at all | host |", "<!-- aiops:hosts -->\n| host |\nnever closed"])
def test_a_page_without_a_whole_table_is_left_alone(text: str) -> None:
    assert compare_page(Page(path="p", text=text), [{"host": "ct201"}]) == ([], text)


def test_seeded_differences_are_found_and_a_branch_mends_them(night: NightServices, wiki: Remote) -> None:
    main = git(wiki.bare, "rev-parse", "main")
    report = steps.doc_sync(night)
    assert report
    assert report.lines[0].startswith("doc-sync: 3 differences; the branch doc-sync/")
    (branch,) = [name for name in wiki.branches() if name != "main"]
    assert git(wiki.bare, "show", f"{branch}:machines.md") == RIGHT.strip()
    assert git(wiki.bare, "rev-parse", f"{branch}^") == main == git(wiki.bare, "rev-parse", "main")


def test_a_second_run_proposes_and_says_nothing_new(night: NightServices, wiki: Remote) -> None:
    report = steps.doc_sync(night)
    assert report
    steps.night_told(report.items, night)
    assert steps.doc_sync(night) is None
    assert len(wiki.branches()) == 2


def test_a_branch_that_a_human_threw_away_does_not_come_back(night: NightServices, wiki: Remote) -> None:
    steps.doc_sync(night)
    (branch,) = [name for name in wiki.branches() if name != "main"]
    git(wiki.bare, "update-ref", "-d", f"refs/heads/{branch}")
    steps.doc_sync(night)
    assert wiki.branches() == ["main"]


def test_it_is_silent_when_nothing_differs(night: NightServices, wiki: Remote) -> None:
    wiki.commit("mended", machines=RIGHT)
    assert steps.doc_sync(night) is None
    assert wiki.branches() == ["main"]


def test_proxmox_and_the_inventory_are_compared_both_ways(night: NightServices, wiki: Remote, proxmox: Known) -> None:
    wiki.commit("mended", machines=RIGHT)
    proxmox.known.append(Guest(name="forgotten", node="pve1", number=250, source="proxmox"))
    proxmox.known.pop(1)
    found = {(one.where, one.text) for one in steps.compare_docs(night).deltas}
    assert ("inventory", "forgotten is missing; proxmox has it") in found
    assert ("proxmox", "ct202 is missing; the inventory has it") in found


def test_who_could_not_look_strikes_nothing_out(night: NightServices, wiki: Remote, proxmox: Known) -> None:
    proxmox.down = True
    report = steps.doc_sync(night)
    assert report
    assert report.lines[-1] == "not compared: proxmox does not answer: it does not answer"
    assert wiki.branches() == ["main"]


def test_a_remote_that_is_gone_is_named(night: NightServices, tmp_path: Path) -> None:
    gone = replace(night, docs=docs(tmp_path, wiki_remote=f"file://{tmp_path}/nowhere.git"))
    report = steps.doc_sync(gone)
    assert report
    assert "not compared" in report.lines[-1]


def test_commits_that_the_journal_does_not_name_are_told(night: NightServices, tmp_path: Path) -> None:
    journal, infra = Remote(tmp_path / "more", "journal"), Remote(tmp_path / "more", "infra")
    named = infra.commit("Open a port", a="1")
    infra.commit("Restart\n\nPlan: pln-20261123-abcdef\n", a="2")
    silent = infra.commit("Quick fix nobody wrote down", a="3")
    journal.commit("entry", j=f"## port\n\n{named[:9]} and pln-20261123-abcdef\n")
    services = replace(night, docs=docs(tmp_path, journal_remote=journal.url, repositories=[infra.url]))
    (delta,) = steps.compare_docs(services).deltas
    assert delta.where == "journal"
    assert delta.text.startswith(f"infra {silent[:7]} of ")
    assert delta.text.endswith("(Quick fix nobody wrote down) has no entry")


def test_a_link_in_the_wiki_leads_nowhere(night: NightServices, wiki: Remote) -> None:
    secret = wiki.clone.parent / "secret.txt"
    secret.write_text("<!-- aiops:hosts -->\n| host |\n<!-- /aiops:hosts -->\n", encoding="utf-8")
    (wiki.clone / "leak.md").symlink_to(secret)
    wiki.commit("link")
    assert night.docs
    assert [page.path for page in night.docs.pages()] == ["machines.md"]


def test_a_branch_that_is_there_is_not_overwritten(night: NightServices, wiki: Remote) -> None:
    assert night.docs
    assert night.docs.propose("doc-sync/x", {"machines.md": "one\n"}, "one")
    assert not night.docs.propose("doc-sync/x", {"machines.md": "two\n"}, "two")
    assert git(wiki.bare, "show", "doc-sync/x:machines.md") == "one"
    with pytest.raises(LedgerBusyError):
        night.docs.propose("doc-sync/bad..name", {"machines.md": "one\n"}, "one")
