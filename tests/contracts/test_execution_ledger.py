"""What every execution ledger promises; the same cases for SQLite and for memory."""

import multiprocessing
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aiops.adapters.execution_ledger import SqliteExecutionLedger
from aiops.adapters.memory_executions import MemoryExecutionLedger
from aiops.errors import RefusedError, UnknownError
from aiops.ports import Claim, ExecutionLedger
from tests.plans import NOON, approved, outcome

Ledger = SqliteExecutionLedger | MemoryExecutionLedger
DAWN = NOON - timedelta(days=1)


def second(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


@pytest.fixture(params=["sqlite", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    made: Ledger
    if request.param == "sqlite":
        made = SqliteExecutionLedger(tmp_path / "executions.db", clock=lambda: DAWN)
    else:
        made = MemoryExecutionLedger(clock=lambda: DAWN)
    yield made
    made.close()


def claimed(ledger: ExecutionLedger, plan: str = "p1", hosts: tuple[str, ...] = ("web1",)) -> Claim:
    ledger.receive(approved(id=plan, hosts=hosts), NOON)
    claim = ledger.claim(plan, 30, NOON)
    assert claim is not None
    return claim


def test_the_first_arrival_is_new_and_the_second_is_not(ledger: Ledger) -> None:
    plan = approved(id="p1")
    assert ledger.receive(plan, NOON).new
    again = ledger.receive(plan, NOON)
    assert (again.state, again.new, again.outcome) == ("received", False, None)
    assert ledger.approved("p1") == plan


def test_a_plan_that_never_arrived_is_unknown(ledger: Ledger) -> None:
    with pytest.raises(UnknownError):
        ledger.approved("p1")
    assert ledger.outcome("p1") is None


def test_a_nonce_serves_one_plan_only(ledger: Ledger) -> None:
    ledger.receive(approved(id="p1", nonce="n" * 16), NOON)
    with pytest.raises(RefusedError) as refused:
        ledger.receive(approved(id="p2", nonce="n" * 16), NOON)
    assert refused.value.reason == "nonce"
    assert ledger.claim("p2", 30, NOON) is None


def test_a_plan_does_not_change_its_content(ledger: Ledger) -> None:
    ledger.receive(approved(id="p1"), NOON)
    with pytest.raises(RefusedError) as refused:
        ledger.receive(approved(id="p1", hosts=("db1",)), NOON)
    assert refused.value.reason == "digest"


def test_an_unstarted_plan_expires(ledger: Ledger) -> None:
    plan = approved(id="p1")
    ledger.receive(plan, NOON)
    with pytest.raises(RefusedError) as refused:
        ledger.receive(plan, plan.not_after + timedelta(seconds=1))
    assert refused.value.reason == "expired"


def test_an_expired_plan_can_be_approved_again(ledger: Ledger) -> None:
    ledger.receive(approved(id="p1"), NOON)
    later = NOON + timedelta(hours=1)
    newer = approved(at=later, id="p1")
    assert ledger.receive(newer, later).state == "received"
    assert ledger.approved("p1") == newer


def test_a_started_plan_does_not_expire_but_tells_its_state(ledger: Ledger) -> None:
    plan = approved(id="p1")
    ledger.receive(plan, NOON)
    claim = ledger.claim("p1", 30, NOON)
    tomorrow = NOON + timedelta(days=1)
    assert ledger.receive(plan, tomorrow).state == "claimed"
    assert claim is not None
    ledger.finish(claim, outcome(plan_id="p1"))
    receipt = ledger.receive(plan, tomorrow)
    assert (receipt.state, receipt.outcome) == ("done", outcome(plan_id="p1"))


def test_what_was_approved_before_the_ledger_began_is_refused(ledger: Ledger) -> None:
    with pytest.raises(RefusedError) as refused:
        ledger.receive(approved(at=DAWN - timedelta(seconds=1)), DAWN)
    assert refused.value.reason == "epoch"


def test_a_plan_is_claimed_once(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert claim.lease_until == second(30)
    assert claim.hosts == ("web1",)
    assert ledger.claim("p1", 30, NOON) is None
    ledger.finish(claim, outcome(plan_id="p1"))
    assert ledger.claim("p1", 30, NOON) is None


def test_a_plan_that_was_not_received_cannot_be_claimed(ledger: Ledger) -> None:
    assert ledger.claim("p1", 30, NOON) is None


def test_a_host_belongs_to_one_plan_at_a_time(ledger: Ledger) -> None:
    first = claimed(ledger, "p1", ("web1", "web2"))
    ledger.receive(approved(id="p2", hosts=("db1", "web2")), NOON)
    assert ledger.claim("p2", 30, NOON) is None
    ledger.receive(approved(id="p3", hosts=("db1",)), NOON)
    assert ledger.claim("p3", 30, NOON) is not None, "a refused claim must not keep some of its hosts"
    ledger.finish(first, outcome(plan_id="p1"))
    ledger.finish(Claim("p3", 0, NOON), outcome(plan_id="p3"))
    assert ledger.claim("p2", 30, NOON) is None, "db1 is still p3's: a finish with a wrong fence changes nothing"


def test_fences_grow_with_every_claim_even_when_the_clock_goes_back(ledger: Ledger) -> None:
    fences = []
    for number, moment in enumerate([NOON, NOON, second(-3600), second(5)]):
        ledger.receive(approved(id=f"p{number}", hosts=(f"h{number}",)), moment)
        claim = ledger.claim(f"p{number}", 30, moment)
        assert claim is not None
        fences.append(claim.fence)
    assert fences == sorted(set(fences))


def test_a_heartbeat_keeps_the_claim(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert ledger.expired(second(29)) == []
    assert ledger.extend(claim, 30, second(20))
    assert ledger.expired(second(40)) == []
    assert [lost.plan for lost in ledger.expired(second(50))] == ["p1"]


def test_a_lease_from_before_the_clock_was_set_back_has_run_out_until_its_owner_renews_it(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert [lost.plan for lost in ledger.expired(second(-3600))] == ["p1"]
    assert ledger.extend(claim, 30, second(-3599))
    assert ledger.expired(second(-3598)) == []


def test_a_claim_with_a_lower_fence_has_no_say(ledger: Ledger) -> None:
    claim = claimed(ledger)
    impostor = Claim("p1", claim.fence - 1, claim.lease_until)
    assert not ledger.extend(impostor, 30, NOON)
    assert not ledger.finish(impostor, outcome(plan_id="p1"))
    assert not ledger.declare_unknown(impostor, outcome("unknown", "p1"))
    assert ledger.outcome("p1") is None


def test_an_expired_claim_becomes_unknown_and_the_late_result_is_not_taken(ledger: Ledger) -> None:
    claim = claimed(ledger)
    (lost,) = ledger.expired(second(31))
    assert ledger.declare_unknown(lost, outcome("unknown", "p1"))
    assert not ledger.declare_unknown(lost, outcome("unknown", "p1"))
    assert not ledger.extend(claim, 30, second(32))
    assert not ledger.finish(claim, outcome("success", "p1"))
    assert ledger.outcome("p1") == outcome("unknown", "p1")


def test_a_heartbeat_between_looking_and_declaring_saves_the_claim(ledger: Ledger) -> None:
    claim = claimed(ledger)
    (lost,) = ledger.expired(second(31))
    assert ledger.extend(claim, 30, second(31))
    assert not ledger.declare_unknown(lost, outcome("unknown", "p1"))
    assert ledger.finish(claim, outcome("success", "p1"))


def test_an_unknown_end_keeps_the_hosts_until_a_human_releases_them(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert ledger.finish(claim, outcome("unknown", "p1"))
    ledger.receive(approved(id="p2"), NOON)
    assert ledger.claim("p2", 30, NOON) is None
    ledger.release("p1", "operator", NOON)
    assert ledger.claim("p2", 30, NOON) is not None
    assert ledger.claim("p1", 30, NOON) is None, "a released plan is not started again"


def test_a_running_plan_cannot_be_released(ledger: Ledger) -> None:
    claimed(ledger)
    ledger.release("p1", "operator", NOON)
    ledger.receive(approved(id="p2"), NOON)
    assert ledger.claim("p2", 30, NOON) is None


def test_a_skipped_plan_is_as_it_was_when_it_was_received(ledger: Ledger) -> None:
    claim = claimed(ledger)
    assert ledger.finish(claim, outcome("skipped", "p1"))
    assert ledger.outcome("p1") is None
    assert ledger.starts_since(DAWN) == 0
    again = ledger.claim("p1", 30, NOON)
    assert again is not None
    assert again.fence > claim.fence
    assert not ledger.finish(claim, outcome("success", "p1")), "the first claim has no say any more"


def test_starts_are_counted_from_a_moment_on(ledger: Ledger) -> None:
    claimed(ledger, "p1", ("h1",))
    ledger.receive(approved(id="p2", hosts=("h2",)), NOON)
    assert ledger.starts_since(NOON) == 1, "received is not started"
    ledger.claim("p2", 30, second(60))
    assert ledger.starts_since(NOON) == 2
    assert ledger.starts_since(second(1)) == 1


def test_a_restore_leaves_nothing_to_be_started_again(ledger: Ledger) -> None:
    claim = claimed(ledger, "p1", ("h1",))
    waiting, unheard = approved(id="p2", hosts=("h2",)), approved(id="p3", hosts=("h3",))
    ledger.receive(waiting, NOON)
    restored = ledger.begin_epoch(second(60))
    assert [(lost.plan, lost.status) for lost in restored] == [("p1", "unknown"), ("p2", "unknown")]
    assert not ledger.finish(claim, outcome(plan_id="p1"))
    receipt = ledger.receive(waiting, second(61))
    assert receipt.state == "done"
    with pytest.raises(RefusedError) as refused:
        ledger.receive(unheard, second(61))
    assert refused.value.reason == "epoch"
    newer = approved(at=second(62), id="p4", hosts=("h2",))
    ledger.receive(newer, second(62))
    assert ledger.claim("p4", 30, second(62)) is None, "what happened on h2 is not known"
    ledger.release("p2", "operator", NOON)
    fresh = ledger.claim("p4", 30, second(62))
    assert fresh is not None
    assert fresh.fence > claim.fence


def test_threads_race_for_one_plan_and_one_wins(ledger: Ledger) -> None:
    ledger.receive(approved(id="p1"), NOON)
    claims: list[Claim | None] = []
    threads = [Thread(target=lambda: claims.append(ledger.claim("p1", 30, NOON))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(claim is not None for claim in claims) == 1


def _race(path: Path, ring: Any, plans: list[str], won: Any) -> None:
    ledger = SqliteExecutionLedger(path, clock=lambda: DAWN)
    ring.wait(30)
    for plan in plans:
        claim = ledger.claim(plan, 30, NOON)
        if claim is not None:
            won.put((plan, claim.fence))
    ledger.close()


def test_eight_processes_race_for_twenty_plans_and_each_is_claimed_once(tmp_path: Path) -> None:
    path = tmp_path / "executions.db"
    ledger = SqliteExecutionLedger(path, clock=lambda: DAWN)
    plans = [f"p{number}" for number in range(20)]
    for plan in plans:
        ledger.receive(approved(id=plan, hosts=(f"host-{plan}",)), NOON)
    spawn = multiprocessing.get_context("spawn")
    ring, won = spawn.Barrier(8), spawn.SimpleQueue()
    racers = [spawn.Process(target=_race, args=(path, ring, plans, won)) for _ in range(8)]
    for racer in racers:
        racer.start()
    claims = [won.get() for _ in plans]
    for racer in racers:
        racer.join(30)
    assert [racer.exitcode for racer in racers] == [0] * 8
    assert won.empty()
    assert sorted(plan for plan, _ in claims) == sorted(plans)
    assert len({fence for _, fence in claims}) == len(plans)
    ledger.close()


def test_two_processes_race_for_one_host_and_one_plan_wins(tmp_path: Path) -> None:
    path = tmp_path / "executions.db"
    ledger = SqliteExecutionLedger(path, clock=lambda: DAWN)
    plans = [f"p{number}" for number in range(8)]
    for plan in plans:
        ledger.receive(approved(id=plan, hosts=("web1",)), NOON)
    spawn = multiprocessing.get_context("spawn")
    ring, won = spawn.Barrier(2), spawn.SimpleQueue()
    racers = [spawn.Process(target=_race, args=(path, ring, order, won)) for order in (plans, plans[::-1])]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(30)
    assert won.get()[0] in plans
    assert won.empty()
    ledger.close()


class Campaign(RuleBasedStateMachine):
    """Doubled rings, lost heartbeats and late results in any order: no plan is ever started twice, no host shared."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = self.make()
        self.now = NOON
        self.plans = [approved(id=f"p{n}", hosts=(f"h{n % 2}", f"h{n}")[: 1 + n // 2]) for n in range(4)]
        self.claims: list[Claim] = []
        self.begun: dict[str, int] = {}
        self.highest = 0

    def make(self) -> Ledger:
        return MemoryExecutionLedger(clock=lambda: DAWN)

    @rule(number=st.integers(0, 3))
    def ring(self, number: int) -> None:
        plan = self.plans[number]
        try:
            receipt = self.ledger.receive(plan, self.now)
        except RefusedError:
            return
        if receipt.state != "received":
            return
        claim = self.ledger.claim(plan.plan.id, 30, self.now)
        if claim:
            assert claim.fence > self.highest
            self.highest = claim.fence
            self.claims.append(claim)
            self.begun[claim.plan] = self.begun.get(claim.plan, 0) + 1

    @rule(seconds=st.integers(0, 40))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(number=st.integers(0, 9), status=st.sampled_from(["success", "failure", "unknown", "skipped"]))
    def end(self, number: int, status: Any) -> None:
        if self.claims:
            claim = self.claims[number % len(self.claims)]
            if self.ledger.finish(claim, outcome(status, claim.plan, claim.fence)) and status == "skipped":
                self.begun[claim.plan] -= 1

    @rule(number=st.integers(0, 9))
    def beat(self, number: int) -> None:
        if self.claims:
            self.ledger.extend(self.claims[number % len(self.claims)], 30, self.now)

    @rule()
    def reap(self) -> None:
        for claim in self.ledger.expired(self.now):
            assert self.ledger.declare_unknown(claim, outcome("unknown", claim.plan, claim.fence))

    @rule(number=st.integers(0, 3))
    def release(self, number: int) -> None:
        self.ledger.release(f"p{number}", "operator", NOON)

    @invariant()
    def nothing_is_started_twice(self) -> None:
        assert all(count <= 1 for count in self.begun.values())

    @invariant()
    def no_host_is_shared(self) -> None:
        running = [
            plan.plan for plan in self.plans if self.begun.get(plan.plan.id) and not self.ledger.outcome(plan.plan.id)
        ]
        hosts = [host for plan in running for host in plan.hosts]
        assert len(hosts) == len(set(hosts))

    def teardown(self) -> None:
        self.ledger.close()


def campaign(case: type[Campaign], examples: int) -> None:
    run_state_machine_as_test(
        case, settings=settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    )


def test_no_order_of_rings_faults_and_results_starts_a_plan_twice_in_memory() -> None:
    campaign(Campaign, 150)


def test_no_order_of_rings_faults_and_results_starts_a_plan_twice_in_sqlite(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    class OnDisk(Campaign):
        def make(self) -> Ledger:
            return SqliteExecutionLedger(tmp_path_factory.mktemp("campaign") / "x.db", clock=lambda: DAWN)

    campaign(OnDisk, 25)
