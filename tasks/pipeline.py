"""The whole system on one page.

    the clock -> patrol -> detect | correlate                    the only chain; it ends where the next trust domain begins
    a verdict, by rule or from triage -> authorise               policy decides, or a human
    an approved plan -> dispatch -> remediate -> settle          signed on CT190, checked on CT196
    a repair -> verify -> close                                  the detector that fired looks again
    a webhook -> ingest -> hear                                  others' alerts are findings, deduplicated like our own
    the clock -> order_backup -> backup -> settle_backup         allowed once by a human, signed each night
    a press on a card, a command -> heard -> answer               the voice carries words; incidents decides
    the clock -> site_metrics -> publish_site -> tell_night      the night work: it has a way out, and no ledger
    the clock -> read_feeds -> digest_feeds -> tell_night        a stranger's text: it is read, weighed, and decides nothing
    the clock -> doc_sync -> tell_night                          what is written down, against what is
    a verdict that wants a closer look -> investigate -> conclude   an agent that may only propose; then as above

A task calls its step and hands on what the step returned. It decides nothing.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from celery import chain

from aiops import steps
from aiops.domain.backup import BackupResult, Sealed
from aiops.domain.event import Event
from aiops.domain.handover import Handover
from aiops.domain.heard import Heard
from aiops.domain.night import FeedBatch, NightReport, SiteFigures, Usage
from aiops.domain.outcome import Outcome
from aiops.domain.plan import SignedPlan
from aiops.domain.session import SessionEnd, SignedGrant
from aiops.domain.sweep import Patrol, Sweep
from aiops.domain.talk import Answer, SignedSaid
from aiops.domain.verdict import Question, Verdict
from aiops.domain.watch import WORKERS, canary
from aiops.errors import RefusedError
from aiops.settings import load_settings
from tasks import schedule, services
from tasks.app import Step, app

CANARY_SECONDS = 120
"""An older one says nothing any more: a queue that nobody drains must not fill up with them."""
GATHER_SECONDS = 5
"""How long a sweep waits for its slowest shard before it is worked through without it."""


# detect: CT192 looks, changes nothing


@app.task(name="patrol", bind=True)
def patrol(self: Step, guardians: str | list[str], hosts: Sequence[str] = (), started_by: str = "shell") -> None:
    """The clock, the command line, or a human at a Python shell: ``patrol.delay("disk")``."""
    sweep = str(self.request.id)
    for order in steps.patrol(
        sweep, guardians, services.detection(), steps.detectors(), hosts=hosts, started_by=started_by
    ):
        look(order)


@app.task(name="detect", pydantic=True)
def detect(order: Patrol) -> Sweep:
    """Look at a shard of hosts with every detector that is due."""
    return steps.detect_and_report(order, services.detection())


@app.task(name="verify", pydantic=True)
def verify(order: Patrol) -> None:
    """Look again where a repair has been."""
    close.apply_async((steps.detect_and_report(order, services.detection()),), headers={"incident": order.incident})


# incidents: CT190 decides


@app.task(name="correlate", pydantic=True)
def correlate(sweep: Sweep) -> None:
    """What the sweep means for the incidents we know."""
    hand_on(steps.correlate(sweep, services.incidents()))


@app.task(name="gather")
def gather(sweep: str) -> None:
    """Do not wait any longer for the other shards."""
    hand_on(steps.gather(sweep, services.incidents()))


@app.task(name="authorise", pydantic=True)
def authorise(verdict: Verdict) -> None:
    """From a verdict to a plan, and from a plan to a decision."""
    hand_on(steps.authorise(verdict, services.incidents()))


@app.task(name="dispatch")
def dispatch(plan: str) -> None:
    """Sign an approved plan and ring for it."""
    hand_on(steps.dispatch(plan, services.incidents()))


@app.task(name="settle", pydantic=True)
def settle(outcome: Outcome) -> None:
    """Record what came of a plan."""
    hand_on(steps.settle(outcome, services.incidents()))


@app.task(name="close", pydantic=True)
def close(sweep: Sweep) -> None:
    """The detector has looked: resolve, or a human."""
    hand_on(steps.close(sweep, services.incidents()))


@app.task(name="conclude", pydantic=True)
def conclude(end: SessionEnd) -> None:
    """What an agent's session came to: a plan that a human decides on, or a human."""
    hand_on(steps.conclude(end, services.incidents()))


@app.task(name="ask_session")
def ask_session(incident: str, who: str) -> None:
    """CT196's SSH entry wants a session."""
    hand_on(steps.ask_session(incident, who, services.incidents()))


@app.task(name="sweep_up")
def sweep_up() -> None:
    """Ring again for whatever the ledger says is open."""
    hand_on(steps.sweep_up(services.incidents()))


@app.task(name="look_again")
def look_again() -> None:
    """Look at every open incident: only a detector closes."""
    hand_on(steps.look_again(services.incidents()))


@app.task(name="watch")
def watch() -> None:
    """Look at ourselves: guardians that did not look, processes that are silent."""
    handed = services.watcher().round(schedule.expected(load_settings()))
    hand_on(handed)
    for worker in handed.canaries:
        CANARIES[worker].apply_async(expires=CANARY_SECONDS)


@app.task(name="prune")
def prune() -> None:
    """Forget what is older than the settings say."""
    steps.prune(services.incidents())


@app.task(name="taken")
def taken(notice: str) -> None:
    """The voice has the message: it need not be handed over again."""
    steps.taken(notice, services.incidents())


@app.task(name="heard", pydantic=True)
def heard(signed: SignedSaid) -> None:
    """A human pressed a button or wrote something: it is checked here, done once, and answered."""
    hand_on(steps.heard(signed, services.incidents()))


@app.task(name="refresh_cards")
def refresh_cards() -> None:
    """Bring the cards up to date, and remind of what waits."""
    hand_on(steps.refresh_cards(services.incidents()) + steps.remind(services.incidents()))


@app.task(name="order_backup")
def order_backup(asked_by: str = "clock") -> None:
    """Order tonight's backup, as a human allowed it once and for all."""
    hand_on(steps.order_backup(asked_by, services.incidents()))


@app.task(name="settle_backup", pydantic=True)
def settle_backup(result: BackupResult) -> None:
    """Record what came of a backup."""
    steps.settle_backup(result, services.incidents())


@app.task(name="daily_report")
def daily_report() -> None:
    """What the last 24 hours came to."""
    hand_on(steps.daily_report(services.incidents()))


@app.task(name="monthly_report")
def monthly_report() -> None:
    """What the last whole month came to."""
    hand_on(steps.monthly_report(services.incidents()))


@app.task(name="security_digest")
def security_digest() -> None:
    """What those that look for intruders have seen."""
    hand_on(steps.security_digest(services.incidents()))


@app.task(name="tell_night", pydantic=True)
def tell_night(report: NightReport) -> None:
    """A piece of night work has something to say; what is kept counts as told."""
    hand_on(steps.tell_night(report, services.incidents()))
    if report.items:
        night_told.apply_async((list(report.items),))


@app.task(name="hear", pydantic=True)
def hear(heard: Heard) -> None:
    """What other systems say, as findings."""
    hand_on(steps.hear(heard, services.incidents()))


@app.task(name="site_metrics")
def site_metrics() -> None:
    """What the ledger knows for the public site."""
    publish_site.apply_async((steps.site_figures(services.incidents()),))


# night: CT190 reads and publishes outside, holds no ledger and no signing key


@app.task(name="publish_site", pydantic=True)
def publish_site(figures: SiteFigures) -> None:
    """Push the figures of the public site."""
    report_night(steps.publish_site(figures, services.night()))


@app.task(name="keep_usage", pydantic=True)
def keep_usage(sums: Usage) -> None:
    """The workstation has said what its agent used."""
    steps.keep_usage(sums, services.night())


@app.task(name="read_feeds")
def read_feeds() -> None:
    """What is new in the feeds."""
    batch = steps.read_feeds(services.night())
    if batch:
        digest_feeds.apply_async((batch,))


@app.task(name="doc_sync")
def doc_sync() -> None:
    """What is, against what is written down."""
    report_night(steps.doc_sync(services.night()))


@app.task(name="night_told")
def night_told(keys: list[str]) -> None:
    """These were told: not again."""
    steps.night_told(keys, services.night())


# triage: CT190 thinks, holds no key and no ledger


@app.task(name="triage", pydantic=True)
def triage(question: Question) -> None:
    """Ask the LLM; a human where it does not answer."""
    authorise.apply_async((steps.triage(question, services.triage()),), headers={"incident": question.incident.id})


@app.task(name="digest_feeds", pydantic=True)
def digest_feeds(batch: FeedBatch) -> None:
    """Ask the LLM once what is worth reading; a plain list where it does not answer."""
    report_night(steps.digest_feeds(batch, services.triage()))


# remediation: CT196 acts, and nobody else


@app.task(name="remediate", pydantic=True)
def remediate(signed: SignedPlan) -> None:
    """Check, claim, run once, and say what came of it."""
    try:
        report(steps.remediate(signed, services.remediation()))
    except RefusedError as refusal:
        report(steps.refuse(signed, refusal, services.remediation()))


@app.task(name="backup", pydantic=True)
def backup(sealed: Sealed) -> None:
    """Check the order and store it; from there on the ledger and its rounds go on by themselves."""
    report_backup(steps.receive_backup(sealed, services.backup()))


@app.task(name="investigate", pydantic=True)
def investigate(signed: SignedGrant) -> None:
    """An agent looks, once, and may only propose."""
    report_session(steps.investigate(signed, services.sessions()))


# notify: the voice


@app.task(name="notify", pydantic=True)
def notify(event: Event) -> None:
    """Take a message for the human, and say that it is taken."""
    steps.notify(event, services.notification())
    if event.id:
        taken.apply_async((event.id,), headers={"incident": event.incident})


@app.task(name="answer", pydantic=True)
def answer(told: Answer) -> None:
    """Take what a human is told in answer."""
    steps.take_answer(told, services.notification())


# every worker: a canary says that its worker takes what is in its queue, which its own sign of life cannot


def _canary(queue: str) -> Any:
    @app.task(name=f"canary_{queue}")
    def sing() -> None:
        """Leave the sign that this worker listens."""
        services.pulse().beat(canary(queue))

    return sing


CANARIES = {queue: _canary(queue) for queue in WORKERS}


def look(order: Patrol) -> None:
    """Start the chain for one shard of a patrol."""
    chain(detect.s(order), correlate.s()).apply_async()


def report(outcome: Outcome | None) -> None:
    """Hand an outcome to the deciding side."""
    if outcome:
        settle.apply_async((outcome,), headers={"incident": outcome.incident})


def report_backup(result: BackupResult | None) -> None:
    """Hand what is known of a backup to the deciding side."""
    if result:
        _send(settle_backup, result.model_copy(update={"transcript": ""}), result.run)


def report_session(end: SessionEnd | None) -> None:
    """Hand what a session came to to the deciding side."""
    if end:
        conclude.apply_async((end,), headers={"incident": end.incident})


def report_night(report: NightReport | None) -> None:
    """Hand what a piece of night work has to say to the deciding side, which tells it."""
    if report:
        tell_night.apply_async((report,))


def hand_on(handed: Handover) -> None:
    """Publish everything a step handed over, each thing to the queue it belongs to."""
    for verdict in handed.verdicts:
        _send(authorise, verdict, verdict.incident)
    for question in handed.questions:
        _send(triage, steps.brief(question, services.incidents()), question.incident.id)
    for plan in handed.plans:
        _send(remediate, plan, plan.incident)
    for sealed in handed.backups:
        backup.apply_async((sealed,))
    for grant in handed.grants:
        _send(investigate, grant, grant.incident)
    for order in handed.verify:
        _send(verify, order, order.incident)
    for order in handed.looks:
        look(order)
    _hand_to_the_human(handed)
    if handed.gather:
        gather.apply_async((handed.gather,), countdown=GATHER_SECONDS, expires=timedelta(minutes=5))


def _hand_to_the_human(handed: Handover) -> None:
    """What he is told, and what he asked for."""
    for notice in handed.notices:
        _send(notify, notice, notice.incident)
    for told in handed.answers:
        _send(answer, told, told.card)
    for wanted in handed.patrols:
        patrol.apply_async(
            (list(wanted.guardians),), {"hosts": list(wanted.hosts), "started_by": wanted.by}, task_id=wanted.sweep
        )


def _send(task: Any, fact: Any, incident: str) -> None:
    """The incident's id travels in the headers, so that every log line of the task carries it."""
    task.apply_async((fact,), headers={"incident": incident})
