"""The paper trail: transcripts and journal in real git repositories, pushed to a real git server over ssh."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.git_records import GitRecords
from aiops.adapters.git_repository import GitRepository, Remote
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.signing import KeyVerifier, generate_keys
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.policy import Floor
from aiops.ports import RemediationServices
from aiops.steps import file_records
from tests.incident_world import RESTART, Hosts
from tests.plans import NOON, approved
from tests.remediation.conftest import Gate, _sshd

pytestmark = pytest.mark.slow

DAWN = NOON - timedelta(days=1)
AUTHOR = "aiops <aiops@example.org>"


class NoHands:
    """An executor that is not used here."""

    def run(self, *_: Any) -> Outcome:
        raise AssertionError


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(folder), *words], capture_output=True, text=True, check=True
    ).stdout


@dataclass
class Office:
    """CT196 with a real ledger and real repositories; the remotes are bare repositories."""

    folder: Path
    address: str = ""
    key: Path | None = None
    known_hosts: Path | None = None
    events: MemoryEvents = field(default_factory=MemoryEvents)

    def __post_init__(self) -> None:
        (self.folder / "trusted").mkdir(parents=True)
        generate_keys(self.folder / "signing", self.folder / "trusted" / "key.pem")
        self.now = NOON
        self.ledger = SqliteExecutionLedger(self.folder / "executions.sqlite", clock=lambda: DAWN)

    def records(self) -> GitRecords:
        def one(name: str) -> GitRepository:
            url = f"{self.address}/{name}.git" if self.address else ""
            remote = Remote(url, "main", self.key, self.known_hosts, 20) if url else None
            return GitRepository(self.folder / name, AUTHOR, remote)

        return GitRecords(one("transcripts"), one("journal"))

    @property
    def services(self) -> RemediationServices:
        return RemediationServices(
            inventory=Hosts(Host(name="web1", role="web")),
            executions=self.ledger,
            executor=NoHands(),
            verifier=KeyVerifier(self.folder / "trusted"),
            permit=Gate(),
            floor=Floor(),
            catalogue={"restart_service": RESTART},
            events=self.events,
            records=self.records(),
            timezone="Europe/Paris",
            clock=lambda: self.now,
        )

    def repair(self, plan: str, status: str = "success", **more: Any) -> None:
        """A run that ended; nothing is filed yet."""
        self.now += timedelta(minutes=1)
        self.ledger.receive(approved(id=plan, at=self.now), self.now)
        claim = self.ledger.claim(plan, 30, self.now)
        assert claim
        given = {
            "plan": plan,
            "incident": "inc-20261123-k3f9qd",
            "status": status,
            "started_at": self.now,
            "finished_at": self.now,
            "fence": claim.fence,
            "transcript": "# Restart one service\n\nTASK [Restart]\nran with token=hunter2hunter2\n",
        }
        self.ledger.finish(claim, Outcome.model_validate({**given, **more}))

    def round(self) -> None:
        file_records(self.services)

    def told(self, kind: str) -> list[Any]:
        return [event for event in self.events.events if event.type == kind]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "ct196")


def bare(folder: Path, name: str) -> Path:
    place = folder / f"{name}.git"
    git(folder.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(place))
    return place


def test_a_repair_leaves_a_transcript_and_a_journal_entry_without_its_secrets(office: Office) -> None:
    office.repair("plan-1")
    office.round()

    (filed,) = office.ledger.filed(9)
    text = (office.folder / "transcripts" / filed.file).read_text()
    assert filed.file == "2026/2026-11-23-120100-inc-20261123-k3f9qd-plan-1.md"
    assert hashlib.sha256(text.encode()).hexdigest() == filed.transcript == office.ledger.audit()[-1].transcript
    assert "TASK [Restart]" in text
    lines = (office.folder / "transcripts" / filed.file).with_suffix(".jsonl").read_text()
    assert [json.loads(line)["what"] for line in lines.splitlines()] == [
        "plan",
        "approval",
        "check",
        *["line"] * 4,
        "outcome",
    ]
    assert hashlib.sha256(lines.encode()).hexdigest() in text
    journal = (office.folder / "journal" / "journal" / "2026-11.md").read_text()
    assert journal.startswith("## 2026-11-23 13:01 · restart_service on web1 · success\n")
    for word in (
        "who: CT196, approved by operator (human)",
        "why: nginx is dead",
        filed.transcript,
        "undo: none: a human looks",
    ):
        assert word in journal
    assert "hunter2" not in text + lines + journal + git(office.folder / "transcripts", "log", "-p", "--all")
    assert git(office.folder / "journal", "log", "--format=%an <%ae>|%cn").strip() == f"{AUTHOR}|aiops"


def test_a_run_that_changed_nothing_is_in_the_transcripts_and_not_in_the_journal(office: Office) -> None:
    office.repair("plan-1", "failure", started_at=None, reason="check mode failed, nothing was changed")
    office.round()

    assert len(office.ledger.filed(9)) == 1
    assert not (office.folder / "journal" / "journal").exists()


def test_the_journal_is_only_added_to_and_the_same_round_again_changes_nothing(office: Office) -> None:
    texts = []
    for number in range(3):
        office.repair(f"plan-{number}")
        office.round()
        office.round()
        texts.append((office.folder / "journal" / "journal" / "2026-11.md").read_text())

    assert texts[2].startswith(texts[1])
    assert texts[1].startswith(texts[0])
    assert texts[2].count("## ") == 3
    assert git(office.folder / "transcripts", "rev-list", "--count", "HEAD").strip() == "3"


@pytest.mark.parametrize("left", ["half a file", "a lock", "nothing but the ledger's mark"])
def test_a_worker_killed_while_it_filed_files_it_once_when_it_is_back(office: Office, left: str) -> None:
    office.repair("plan-0")
    office.round()
    office.repair("plan-1")
    if left == "half a file":
        with (office.folder / "journal" / "journal" / "2026-11.md").open("a") as journal:
            journal.write("## half an ent")
        (office.folder / "transcripts" / "stray").write_text("x")
    elif left == "a lock":
        for name in ("transcripts", "journal"):
            (office.folder / name / ".git" / "index.lock").touch()
    else:
        (pair,) = office.ledger.unfiled(9)
        from aiops.steps.file_records import write_up  # noqa: PLC0415

        office.records().keep(write_up(*pair, office.services))
    office.round()

    text = (office.folder / "journal" / "journal" / "2026-11.md").read_text()
    assert text.count("## ") == 2
    assert text.count("plan-1,") == 1
    assert "half an ent" not in text
    assert git(office.folder / "transcripts", "rev-list", "--count", "HEAD").strip() == "2"
    assert not (office.folder / "transcripts" / "stray").exists()


def test_a_hook_in_the_repository_is_never_run(office: Office, tmp_path: Path) -> None:
    office.repair("plan-0")
    office.round()
    for name in ("pre-commit", "post-commit", "prepare-commit-msg", "pre-push"):
        hook = office.folder / "transcripts" / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
    office.repair("plan-1")
    office.round()

    assert len(office.ledger.filed(9)) == 2
    assert not (tmp_path / "ran").exists()


def test_the_commits_carry_heads_of_the_audit_log_that_find_a_log_written_anew(office: Office) -> None:
    office.repair("plan-1")
    office.round()

    (anchor,) = office.records().anchors()
    assert office.ledger.broken([anchor]) == []
    other = SqliteExecutionLedger(office.folder / "forged.sqlite", clock=lambda: DAWN)
    for number in range(9):
        other.write_down(NOON, "nobody", f"nothing {number}")
    assert [found.n for found in other.broken([anchor])] == [anchor.n]


def test_what_somebody_else_pushed_meanwhile_is_kept(tmp_path: Path) -> None:
    remotes = tmp_path / "remotes"
    remotes.mkdir()
    for name in ("transcripts", "journal"):
        bare(remotes, name)
    git(tmp_path, "clone", "--quiet", str(remotes / "journal.git"), "desk")
    desk = tmp_path / "desk"
    (desk / "journal").mkdir()
    (desk / "journal" / "2026-11.md").write_text("## by hand\n\n")
    git(desk, "add", ".")
    git(desk, "-c", "user.name=m", "-c", "user.email=m@x", "commit", "-qm", "by hand")
    git(desk, "push", "-q", "origin", "HEAD:main")
    office = Office(tmp_path / "ct196", address=str(remotes))

    office.repair("plan-1")
    office.round()

    text = git(remotes / "journal.git", "show", "main:journal/2026-11.md")
    assert "## by hand" in text
    assert "· restart_service on web1 ·" in text
    assert git(remotes / "journal.git", "log", "--format=%s", "main").splitlines()[-1] == "by hand"
    assert office.told("records.pushed")


@dataclass
class GitServer:
    """sshd on loopback, which a test ends and starts again; repositories under its folder."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def up(self) -> None:
        self.process = _sshd(self.folder, self.port)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            else:
                return

    def down(self) -> None:
        if self.process:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
            self.process = None


@pytest.fixture
def over_ssh(sshd: tuple[Path, int], tmp_path: Path) -> Any:
    """A git server of its own: the session's sshd must stay up for the others."""
    import shutil  # noqa: PLC0415

    from tests.servers import free_port  # noqa: PLC0415

    origin, _ = sshd
    folder = tmp_path / "server"
    shutil.copytree(origin, folder)
    port = free_port()
    public = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
    server = GitServer(folder, port)
    for name in ("transcripts", "journal"):
        bare(folder, name)
    yield server
    server.down()


@pytest.fixture
def remote_office(tmp_path: Path) -> Callable[[GitServer], Office]:
    def make(server: GitServer, known: str = "known_hosts") -> Office:
        address = f"ssh://root@127.0.0.1:{server.port}{server.folder}"
        return Office(tmp_path / "ct196", address, server.folder / "key", server.folder / known)

    return make


@pytest.mark.root
def test_transcripts_and_journal_arrive_over_ssh(over_ssh: GitServer, remote_office: Callable[..., Office]) -> None:
    over_ssh.up()
    office = remote_office(over_ssh)
    office.repair("plan-1")
    office.round()

    (filed,) = office.ledger.filed(9)
    there = git(over_ssh.folder / "transcripts.git", "show", f"main:{filed.file}")
    assert hashlib.sha256(there.encode()).hexdigest() == filed.transcript
    assert "restart_service on web1" in git(over_ssh.folder / "journal.git", "show", "main:journal/2026-11.md")
    assert office.told("records.pushed")[0].context["sent"] == 2
    assert office.ledger.push_state()[0].reason == ""


@pytest.mark.root
def test_a_remote_that_is_down_for_the_whole_repair_gets_everything_later_and_in_order(
    over_ssh: GitServer, remote_office: Callable[..., Office]
) -> None:
    office = remote_office(over_ssh)
    for number in range(3):
        office.repair(f"plan-{number}")
        office.round()
    waiting, since = office.ledger.push_state()
    assert (waiting.waiting, since) == (6, NOON + timedelta(minutes=1))
    assert "Connection refused" in waiting.reason
    assert len(office.told("records.waiting")) == 1, "said once, not in every round"

    over_ssh.up()
    office.round()

    log = git(
        over_ssh.folder / "transcripts.git", "log", "--reverse", "--format=%(trailers:key=Plan,valueonly)", "main"
    )
    assert log.split() == ["plan-0", "plan-1", "plan-2"]
    journal = git(over_ssh.folder / "journal.git", "show", "main:journal/2026-11.md")
    assert [f"plan-{n}," in part for n, part in enumerate(journal.split("## ")[1:])] == [True] * 3
    assert [event.context["sent"] for event in office.told("records.pushed")] == [6]
    assert office.ledger.push_state()[0].reason == ""


@pytest.mark.root
def test_a_git_server_whose_key_is_not_the_trusted_one_gets_nothing(
    over_ssh: GitServer, remote_office: Callable[..., Office]
) -> None:
    over_ssh.up()
    (over_ssh.folder / "nobody").write_text("")
    office = remote_office(over_ssh, "nobody")
    office.repair("plan-1")
    office.round()

    assert "Host key verification failed" in office.ledger.push_state()[0].reason
    assert git(over_ssh.folder / "transcripts.git", "for-each-ref") == ""
