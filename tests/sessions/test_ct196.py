"""CT196's side of a session: what it starts, that it starts it once, and the paper it leaves."""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.git_records import GitRecords
from aiops.adapters.git_repository import GitRepository, Remote
from aiops.adapters.git_reviews import GitReviews
from aiops.adapters.memory_events import MemoryEvents
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.plan import SignedPlan
from aiops.domain.remediation import Remediation
from aiops.domain.session import Grant, ProposedPlan, ProposedPlaybook, Said, SessionBudget, SessionEnd
from aiops.errors import RefusedError
from aiops.ports import SessionServices
from aiops.remediations import SHIPPED
from aiops.steps import file_sessions, investigate, reap_sessions
from tests.sessions.grants import CATALOGUE, NOON, SECRET, grant

MEND = ProposedPlan(
    playbook="restart_service", host="ct201", params={"unit": "php.service"}, reason="it hangs: restart it"
)
NEW = ProposedPlaybook(
    id="wake_moon",
    playbook=(SHIPPED / "restart_service.yml").read_text(),
    manifest=(SHIPPED / "restart_service.meta.yml")
    .read_text()
    .replace("restart_service:", "wake_moon:")
    .replace("approval: auto", "approval: human")
    .replace("service.dead", "moon.full"),
    reason="nothing in the catalogue mends this",
)


@dataclass
class Gate:
    """A permit that is there as long as the test says so."""

    open: bool = True

    def valid(self) -> bool:
        return self.open


@dataclass
class Puppet:
    """An agent that ends as it is told, and does something on the way."""

    clock: Callable[[], datetime]
    end_as: dict[str, object] = field(
        default_factory=lambda: {"ending": "proposed", "plan": MEND, "reason": "restart it"}
    )
    meanwhile: Callable[[Callable[[], bool]], object] = lambda _: None
    runs: list[Grant] = field(default_factory=list)
    leftovers: set[str] = field(default_factory=set)

    def run(self, given: Grant, catalogue: Mapping[str, Remediation], beat: Callable[[], bool]) -> SessionEnd:
        self.runs.append(given)
        self.meanwhile(beat)
        lines = (
            Said(at=0.1, what="called", text="evidence {}"),
            Said(at=0.2, what="result", text=f"password={SECRET}"),
        )
        fields = {
            "session": given.id,
            "incident": given.incident,
            "started_at": self.clock(),
            "finished_at": self.clock(),
        }
        used = {"calls": 3, "tokens_in": 500, "tokens_out": 60, "model": "scripted", "confinement": "walls"}
        return SessionEnd.model_validate({**fields, **used, "lines": lines, **self.end_as})

    def left(self) -> frozenset[str]:
        return frozenset(self.leftovers)

    def end(self, session: str) -> None:
        self.leftovers.discard(session)


class Scene:
    """CT196 with a real key, a real ledger, real git, and a puppet for an agent."""

    def __init__(self, folder: Path) -> None:
        generate_keys(folder / "key", folder / "key.pem")
        self.signer, self.now = KeySigner(folder / "key"), NOON
        self.puppet, self.gate, self.events = Puppet(lambda: self.now), Gate(), MemoryEvents()
        self.ledger = SqliteExecutionLedger(folder / "executions.sqlite", clock=lambda: NOON - timedelta(days=1))
        self.folder, self.remote = folder, folder / "remote.git"
        git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        author = "aiops <aiops@localhost>"
        self.records = GitRecords(GitRepository(folder / "t", author, None), GitRepository(folder / "j", author, None))
        reviews = GitRepository(folder / "r", author, Remote(str(self.remote)))
        self.services = SessionServices(
            ledger=self.ledger,
            verifier=KeyVerifier(folder / "key.pem"),
            permit=self.gate,
            agent=self.puppet,
            catalogue=CATALOGUE,
            events=self.events,
            budget=SessionBudget(seconds=20, calls=10, tokens=9000),
            per_day=3,
            reviews=GitReviews(reviews, "ansible/playbooks", CATALOGUE),
            records=self.records,
            clock=lambda: self.now,
        )

    def run(self, given: Grant | None = None) -> SessionEnd | None:
        return investigate(self.signer.sign_grant(given or grant()), self.services)

    def told(self) -> list[str]:
        return [event.type for event in self.events.events]


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_grant_starts_one_session_within_our_own_budget_and_only_its_end_travels(scene: Scene) -> None:
    given = grant()
    end = scene.run(given)

    assert end
    assert (end.ending, end.plan, end.lines) == ("proposed", MEND, ())
    assert scene.puppet.runs[0].budget == SessionBudget(seconds=20, calls=10, tokens=9000)
    assert scene.told() == ["session.opened", "session.closed"]
    assert scene.run(given) == end
    assert len(scene.puppet.runs) == 1


def test_without_a_permit_nothing_is_started_and_a_later_ring_starts_it(scene: Scene) -> None:
    given = grant()
    scene.gate.open = False
    assert scene.run(given) is None
    assert scene.puppet.runs == []

    scene.gate.open = True
    assert scene.run(given)


def test_one_session_runs_at_a_time(scene: Scene) -> None:
    other = grant(id="session-20261123-zzz234")
    meanwhile: list[object] = []
    scene.puppet.meanwhile = lambda _: meanwhile.append(scene.run(other))

    assert scene.run(grant())
    assert meanwhile == [None]
    scene.puppet.meanwhile = lambda _: None
    assert scene.run(other)


def test_what_is_not_signed_by_a_trusted_key_is_not_believed_and_loudly_said(scene: Scene, tmp_path: Path) -> None:
    generate_keys(tmp_path / "other", tmp_path / "other.pem")
    forged = KeySigner(tmp_path / "other").sign_grant(grant())

    assert investigate(forged, scene.services) is None
    altered = scene.signer.sign_grant(grant()).model_copy(update={"payload": "{}"})
    assert investigate(altered, scene.services) is None

    assert scene.puppet.runs == []
    assert scene.told() == ["session.refused", "session.refused"]
    assert {event.severity.value for event in scene.events.events} == {"critical"}
    assert [line.what for line in scene.ledger.audit()] == ["session refused", "session refused"]


def test_a_plan_never_passes_for_a_grant_nor_a_grant_for_a_plan(scene: Scene) -> None:
    signed = scene.signer.sign_grant(grant())
    with pytest.raises(RefusedError, match="signature"):
        KeyVerifier(scene.folder / "key.pem").verify(SignedPlan(**signed.model_dump()))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (grant(not_after=NOON - timedelta(seconds=1)), "expired"),
        (grant(at=NOON - timedelta(days=2), not_after=NOON), "epoch"),
    ],
)
def test_a_grant_that_is_too_old_is_refused_and_the_deciding_side_hears_it(
    scene: Scene, given: Grant, why: str
) -> None:
    end = scene.run(given)

    assert end
    assert end.ending == "refused"
    assert end.reason.startswith(f"{why}: ")
    assert scene.puppet.runs == []


def test_a_nonce_is_good_for_one_grant(scene: Scene) -> None:
    scene.run(grant(nonce="n" * 32))

    assert scene.run(grant(id="session-20261123-zzz234", nonce="n" * 32)) is None
    assert len(scene.puppet.runs) == 1


def test_the_days_sessions_are_limited_here_too(scene: Scene) -> None:
    ends = [scene.run(grant(id=f"session-20261123-abc23{n}")) for n in range(4)]

    assert [end.ending for end in ends if end] == ["proposed"] * 3 + ["refused"]
    assert len(scene.puppet.runs) == 3


@pytest.mark.parametrize(
    "plan",
    [
        MEND.model_copy(update={"host": "ct999"}),
        MEND.model_copy(update={"playbook": "wipe"}),
        MEND.model_copy(update={"params": {"unit": "$(reboot).service"}}),
    ],
)
def test_a_proposal_that_does_not_fit_is_dropped_here_already(scene: Scene, plan: ProposedPlan) -> None:
    scene.puppet.end_as["plan"] = plan

    end = scene.run()

    assert end
    assert (end.ending, end.plan) == ("nothing", None)
    assert "it had said: restart it" in end.reason


def test_a_session_whose_worker_was_killed_is_lost_and_what_it_left_is_removed(scene: Scene) -> None:
    given = grant()
    scene.ledger.receive_grant(given, scene.now)
    assert scene.ledger.claim_session(given.id, 30, scene.now)
    scene.puppet.leftovers = {given.id, "session-20261122-old234"}

    assert reap_sessions(scene.services) == []
    assert scene.puppet.leftovers == {given.id}
    scene.now += timedelta(seconds=31)
    (end,) = reap_sessions(scene.services)

    assert (end.ending, end.session) == ("lost", given.id)
    assert scene.puppet.leftovers == set()
    assert scene.run(given) == end
    assert scene.puppet.runs == []


def test_a_session_leaves_a_transcript_in_both_forms_without_secrets_and_its_hash_in_the_audit_log(
    scene: Scene,
) -> None:
    scene.run()
    file_sessions(scene.services)
    file_sessions(scene.services)

    (filed,) = scene.ledger.filed(9)
    assert (filed.plan, filed.status) == ("session-20261123-abc234", "proposed")
    markdown = (scene.folder / "t" / filed.file).read_text()
    lines = [
        json.loads(line) for line in (scene.folder / "t" / filed.file.replace(".md", ".jsonl")).read_text().splitlines()
    ]
    assert "proposed plan: restart_service on ct201" in markdown
    assert "560 of 60000 tokens" in markdown
    assert SECRET not in markdown + json.dumps(lines)
    assert [line["what"] for line in lines] == ["grant", "called", "result", "end"]
    assert lines[-1]["tokens_in"] == 500
    (line,) = [line for line in scene.ledger.audit() if line.what == "transcript filed"]
    assert (line.transcript, line.plan) == (filed.transcript, "session-20261123-abc234")
    assert scene.ledger.broken(scene.records.anchors()) == []
    assert not (scene.folder / "j" / "journal").exists()


def seed(scene: Scene) -> None:
    work = scene.folder / "work"
    git(scene.folder, "clone", "--quiet", str(scene.remote), str(work))
    (work / "README").write_text("ours\n")
    git(work, "add", "README")
    git(work, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "Begin")
    git(work, "push", "--quiet", "origin", "HEAD:main")


def test_a_new_playbook_becomes_a_branch_for_review_and_main_stays_as_it_is(scene: Scene) -> None:
    seed(scene)
    before = git(scene.remote, "rev-parse", "main")
    scene.puppet.end_as.update(plan=None, playbook=NEW, reason=NEW.reason)

    end = scene.run()

    assert end
    assert (end.ending, end.branch, end.playbook) == ("proposed", "session/session-20261123-abc234-wake_moon", None)
    assert git(scene.remote, "rev-parse", "main") == before
    changed = git(scene.remote, "diff", "--name-only", "main", end.branch).split()
    assert changed == ["ansible/playbooks/wake_moon.meta.yml", "ansible/playbooks/wake_moon.yml"]
    assert git(scene.remote, "show", f"{end.branch}:ansible/playbooks/wake_moon.yml") == NEW.playbook


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"playbook": "- hosts: all\n  tasks: !!python/object/apply:os.system [id]\n"}, "cannot be read"),
        ({"playbook": "hello"}, "a list of plays"),
        ({"playbook": "- hosts: &a [x]\n  vars: [*a, *a]\n"}, "YAML aliases"),
        ({"playbook": "[" * 5000}, "cannot be read"),
        ({"manifest": NEW.manifest.replace("approval: human", "approval: auto")}, "approval: human"),
        ({"manifest": NEW.manifest.replace("risk: low", "risk: none")}, "risk"),
        ({"id": "restart_service"}, "has a playbook of that name"),
        ({"playbook": "- hosts: all\n  roles: [../../etc]\n"}, "there is no role"),
    ],
)
def test_a_new_playbook_that_the_catalogue_could_not_load_is_not_pushed(
    scene: Scene, change: dict[str, str], why: str
) -> None:
    seed(scene)
    scene.puppet.end_as.update(plan=None, playbook=NEW.model_copy(update=change), reason=NEW.reason)

    end = scene.run()

    assert end
    assert (end.ending, end.branch) == ("nothing", "")
    assert why in end.reason
    assert git(scene.remote, "branch", "--list").split() == ["*", "main"]


def test_a_remote_that_is_away_costs_the_branch_and_not_the_text(scene: Scene) -> None:
    scene.puppet.end_as.update(plan=None, playbook=NEW, reason=NEW.reason)

    end = scene.run()

    assert end
    assert end.ending == "nothing"
    file_sessions(scene.services)
    (filed,) = scene.ledger.filed(9)
    assert "## wake_moon: manifest" in (scene.folder / "t" / filed.file).read_text()
