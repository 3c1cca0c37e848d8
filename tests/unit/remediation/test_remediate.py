"""The step that acts: what it refuses, what it starts, and that it starts it once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aiops.adapters.memory_executions import MemoryExecutionLedger
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.event import Event
from aiops.domain.host import Host
from aiops.domain.outcome import Outcome
from aiops.domain.plan import ApprovedPlan, SignedPlan
from aiops.domain.policy import Floor
from aiops.domain.remediation import Param, Remediation
from aiops.errors import LedgerBusyError, RefusedError, UnknownError
from aiops.ports import Claim, RemediationServices
from aiops.steps.remediate import reap, remediate
from tests.plans import NOON, approved

DAWN = NOON - timedelta(days=1)
PLAN = "pln-20261123-abc234"


@dataclass
class Fleet:
    """An inventory in memory."""

    known: dict[str, Host]

    def hosts(self) -> Sequence[Host]:
        return list(self.known.values())

    def find(self, name: str) -> Host:
        if name not in self.known:
            raise UnknownError("host", name)
        return self.known[name]


@dataclass
class Gate:
    """A permit that is there as many times as it was given."""

    answers: list[bool] = field(default_factory=list)

    def valid(self) -> bool:
        return self.answers.pop(0) if self.answers else True


@dataclass
class Hands:
    """An executor that notes what it was told to run, and does something on the way."""

    clock: Callable[[], datetime]
    runs: list[ApprovedPlan] = field(default_factory=list)
    meanwhile: Callable[[Callable[[], bool]], str] = lambda _: "success"

    def run(
        self,
        approved: ApprovedPlan,
        remediation: Remediation,
        hosts: Sequence[Host],
        claim: Claim,
        beat: Callable[[], bool],
    ) -> Outcome:
        self.runs.append(approved)
        return Outcome.model_validate(
            {
                "plan": approved.plan.id,
                "incident": approved.plan.incident,
                "status": self.meanwhile(beat),
                "fence": claim.fence,
                "finished_at": self.clock(),
            }
        )


@dataclass
class Told:
    """Events, kept."""

    kinds: list[str] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.kinds.append(event.type)

    def close(self) -> None:
        pass


class Scene:
    """CT196 in memory, with a clock of its own and a real key."""

    def __init__(self, folder: Path) -> None:
        generate_keys(folder / "key", folder / "key.pem")
        self.signer = KeySigner(folder / "key")
        self.now = NOON
        self.hands = Hands(lambda: self.now)
        self.gate = Gate()
        self.told = Told()
        self.ledger = MemoryExecutionLedger(clock=lambda: DAWN)
        remediation = Remediation(
            id="restart_service",
            title="Restart",
            description="Restarts.",
            risk="low",
            approval="human",
            timeout=60,
            max_hosts=2,
            verify=("health",),
            rollback="None.",
            digest="0" * 64,
            params={
                "unit": Param(description="", required=True, pattern=r"[a-z]+\.service"),
                "settle_seconds": Param(description="", type="int", default=3, minimum=1, maximum=60),
            },
        )
        names = ("web1", "web2", "web3")
        self.services = RemediationServices(
            inventory=Fleet(
                {name: Host(name=name, role="web") for name in names}
                | {"odd": Host(name="odd"), "alias": Host(name="web1", role="web")}
                | {name: Host(name=name, role="dns", pair="dns") for name in ("dns1", "dns2")}
            ),
            executions=self.ledger,
            executor=self.hands,
            verifier=KeyVerifier(folder / "key.pem"),
            permit=self.gate,
            floor=Floor(starts_per_hour=3),
            catalogue={"restart_service": remediation},
            events=self.told,
            clock=lambda: self.now,
        )

    def sign(self, **changes: Any) -> SignedPlan:
        return self.signer.sign(approved(**changes))

    def ring(self, signed: SignedPlan | None = None) -> Outcome:
        return remediate(signed or self.sign(), self.services)

    def refused(self, signed: SignedPlan) -> str:
        with pytest.raises(RefusedError) as refusal:
            self.ring(signed)
        assert self.hands.runs == []
        return refusal.value.reason


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_signed_plan_is_run_with_all_its_parameters(scene: Scene) -> None:
    outcome = scene.ring()
    assert outcome.status == "success"
    assert scene.hands.runs[0].plan.params == {"unit": "nginx.service", "settle_seconds": 3}
    assert scene.ledger.outcome(PLAN) == outcome
    assert scene.told.kinds == ["session.opened", "remediation.started", "remediation.finished", "session.closed"]


def test_the_same_plan_again_starts_nothing_and_tells_what_came_of_it(scene: Scene) -> None:
    signed = scene.sign()
    outcome = scene.ring(signed)
    assert [scene.ring(signed) for _ in range(100)] == [outcome] * 100
    assert len(scene.hands.runs) == 1


def test_what_came_of_a_plan_is_told_even_when_it_would_not_be_allowed_any_more(scene: Scene) -> None:
    signed = scene.sign()
    outcome = scene.ring(signed)
    scene.now += timedelta(days=3)
    scene.services = replace(scene.services, catalogue={})
    assert scene.ring(signed) == outcome


def test_a_ring_while_the_plan_runs_starts_nothing(scene: Scene) -> None:
    signed = scene.sign()
    inner: list[Outcome] = []

    def ring_again(_: Callable[[], bool]) -> str:
        inner.append(scene.ring(signed))
        return "success"

    scene.hands.meanwhile = ring_again
    assert scene.ring(signed).status == "success"
    assert (inner[0].status, inner[0].reason.partition(":")[0]) == ("skipped", "running")
    assert len(scene.hands.runs) == 1


def test_another_plan_for_the_same_host_has_to_wait_and_is_started_later(scene: Scene) -> None:
    second = scene.sign(id="p2")
    inner: list[Outcome] = []

    def ring_other(_: Callable[[], bool]) -> str:
        if not inner:
            inner.append(scene.ring(second))
        return "success"

    scene.hands.meanwhile = ring_other
    scene.ring(scene.sign(id="p1"))
    assert (inner[0].status, inner[0].reason.partition(":")[0]) == ("skipped", "busy")
    assert scene.ring(second).status == "success"


def test_a_forged_plan_is_refused(scene: Scene) -> None:
    signed = scene.sign()
    assert scene.refused(signed.model_copy(update={"payload": signed.payload.replace("web1", "web2")})) == "signature"


def test_an_approval_for_another_plan_is_refused(scene: Scene) -> None:
    good = approved()
    other = good.model_copy(update={"plan": good.plan.model_copy(update={"hosts": ("web2",)})})
    assert scene.refused(scene.signer.sign(other)) == "digest"


def test_an_approval_given_after_the_plan_expired_is_refused(scene: Scene) -> None:
    assert scene.refused(scene.sign(at=NOON + timedelta(hours=2))) == "expired"


def test_a_plan_that_was_not_started_in_time_is_refused(scene: Scene) -> None:
    signed = scene.sign()
    scene.now += timedelta(minutes=11)
    assert scene.refused(signed) == "expired"


def test_a_nonce_that_was_used_for_another_plan_is_refused(scene: Scene) -> None:
    scene.gate.answers = [False]
    scene.ring(scene.sign(id="p1", nonce="n" * 16))
    assert scene.refused(scene.sign(id="p2", nonce="n" * 16)) == "nonce"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"remediation": "format_disk"}, "playbook"),
        ({"playbook_digest": "1" * 64}, "playbook_digest"),
        ({"hosts": ("web1", "web2", "web3")}, "max_hosts"),
        ({"hosts": ("web1", "web1")}, "hosts"),
        ({"hosts": ("nobody",)}, "hosts"),
        ({"hosts": ("all",)}, "hosts"),
        ({"hosts": ("*",)}, "hosts"),
        ({"hosts": ("web1,web2",)}, "hosts"),
        ({"hosts": ("alias",)}, "hosts"),
        ({"hosts": ("dns1", "dns2")}, "pair"),
        ({"hosts": ("odd",)}, "role"),
        ({"mode": "auto"}, "approval"),
        ({"timeout": 61}, "timeout"),
        ({"params": {}}, "params"),
        ({"params": {"unit": "a.service; reboot"}}, "params"),
        ({"params": {"unit": "a.service", "settle_seconds": "3"}}, "params"),
        ({"params": {"unit": "a.service", "ansible_become": "false"}}, "params"),
    ],
)
def test_our_own_limits_hold_whatever_was_approved(scene: Scene, changes: dict[str, Any], reason: str) -> None:
    assert scene.refused(scene.sign(**changes)) == reason


def test_a_host_that_must_never_be_touched_is_refused(scene: Scene) -> None:
    scene.services = replace(scene.services, floor=Floor(never_hosts=("web1",)))
    assert scene.refused(scene.sign()) == "never_hosts"


def test_in_shadow_no_plan_runs_whoever_signed_it(scene: Scene) -> None:
    scene.services = replace(scene.services, floor=Floor(shadow=True))
    assert scene.refused(scene.sign()) == "shadow"


def test_a_host_whose_role_the_manifest_forbids_is_refused(scene: Scene) -> None:
    barred = scene.services.catalogue["restart_service"].model_copy(update={"never_roles": ("web",)})
    scene.services = replace(scene.services, catalogue={"restart_service": barred})
    assert scene.refused(scene.sign()) == "never_roles"


def test_only_so_many_plans_are_started_within_an_hour(scene: Scene) -> None:
    for number in range(3):
        assert scene.ring(scene.sign(id=f"p{number}")).status == "success"
    waiting = scene.sign(id="p3")
    with pytest.raises(RefusedError) as refusal:
        scene.ring(waiting)
    assert refusal.value.reason == "rate"
    assert len(scene.hands.runs) == 3
    scene.now += timedelta(minutes=61)
    assert scene.ring(scene.sign(id="p3", at=scene.now - timedelta(minutes=5))).status == "success"


@pytest.mark.parametrize("answers", [[False], [True, False]])
def test_without_a_permit_nothing_starts_and_a_later_ring_may(scene: Scene, answers: list[bool]) -> None:
    signed = scene.sign()
    scene.gate.answers = answers
    outcome = scene.ring(signed)
    assert (outcome.status, outcome.reason.partition(":")[0]) == ("skipped", "frozen")
    assert scene.hands.runs == []
    assert scene.told.kinds == []
    assert scene.ring(signed).status == "success"


def test_a_worker_that_died_leaves_an_unknown_and_its_plan_is_never_started_again(scene: Scene) -> None:
    signed = scene.sign()

    def die(_: Callable[[], bool]) -> str:
        raise SystemExit

    scene.hands.meanwhile = die
    with pytest.raises(SystemExit):
        scene.ring(signed)
    assert scene.ring(signed).reason.startswith("running")
    assert reap(scene.services) == []
    scene.now += timedelta(seconds=31)
    (lost,) = reap(scene.services)
    assert (lost.plan, lost.status) == (PLAN, "unknown")
    assert reap(scene.services) == []
    assert scene.ring(signed) == lost
    assert len(scene.hands.runs) == 1
    assert scene.ring(scene.sign(id="p2")).reason.startswith("busy"), "the host stays claimed until a human has looked"


def test_heartbeats_keep_a_long_run_alive(scene: Scene) -> None:
    def work(beat: Callable[[], bool]) -> str:
        for _ in range(10):
            scene.now += timedelta(seconds=20)
            assert beat()
            assert reap(scene.services) == []
        return "success"

    scene.hands.meanwhile = work
    assert scene.ring().status == "success"


def test_a_run_that_was_given_up_is_told_so_and_its_late_success_is_not_believed(scene: Scene) -> None:
    def fall_asleep(beat: Callable[[], bool]) -> str:
        scene.now += timedelta(seconds=31)
        assert len(reap(scene.services)) == 1
        assert not beat()
        return "success"

    scene.hands.meanwhile = fall_asleep
    outcome = scene.ring()
    assert outcome.status == "unknown"
    assert "ended with success after its claim was lost" in outcome.reason
    recorded = scene.ledger.outcome(PLAN)
    assert recorded is not None
    assert recorded.status == "unknown"


def test_a_ledger_that_is_busy_for_a_moment_does_not_kill_a_run(scene: Scene) -> None:
    class Busy(MemoryExecutionLedger):
        def extend(self, claim: Claim, lease_seconds: float, now: datetime) -> bool:
            raise LedgerBusyError("x", "locked", "wait")

    scene.services = replace(scene.services, executions=Busy(clock=lambda: DAWN))
    beats: list[bool] = []

    def work(beat: Callable[[], bool]) -> str:
        beats.append(beat())
        scene.now += timedelta(seconds=31)
        beats.append(beat())
        return "unknown"

    scene.hands.meanwhile = work
    assert scene.ring().status == "unknown"
    assert beats == [True, False], "it goes on as long as its lease holds, and no longer"


def test_what_the_executor_did_not_start_may_be_started_later(scene: Scene) -> None:
    signed = scene.sign()
    scene.hands.meanwhile = lambda _: "skipped"
    assert scene.ring(signed).status == "skipped"
    scene.hands.meanwhile = lambda _: "success"
    assert scene.ring(signed).status == "success"


def test_a_session_whose_worker_went_silent_is_closed_by_the_reaper(scene: Scene) -> None:
    def silent(_: Callable[[], bool]) -> str:
        scene.now += timedelta(minutes=5)
        raise LedgerBusyError("executions", "the disk is full", "")

    scene.hands.meanwhile = silent
    with pytest.raises(LedgerBusyError):
        remediate(scene.sign(), scene.services)
    assert [one.status for one in reap(scene.services)] == ["unknown"]
    assert scene.told.kinds == ["session.opened", "remediation.started", "session.closed"]
