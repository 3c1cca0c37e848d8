"""The feeds' digest: what is new is read where the way out is, weighed by a model where the model is, and told once.

A feed may say anything, and nothing of it decides anything: an item can only be put higher or lower in a list.
"""

from collections.abc import Sequence
from typing import Final

from aiops.domain.night import FeedBatch, FeedItem, NightReport, Reading
from aiops.errors import AiopsError, ThinkerError
from aiops.ports import NightServices, TriageServices
from aiops.steps.triage import attempt_event

SHOWN: Final = 15
"""Items in a digest with scores: a message is read on a phone."""
WORTH: Final = 3
"""Of 10. What a model thinks less of is counted, not shown."""


def read_feeds(services: NightServices) -> FeedBatch | None:
    """What is new in every feed. None when none is set up, or there is neither news nor trouble.

    :raises LedgerBusyError: what was told before cannot be read
    """
    if services.feeds is None:
        return None
    found: dict[str, FeedItem] = {}
    blind: list[str] = []
    for url in services.urls:
        try:
            found |= {item.key: item for item in services.feeds.read(url) if item.key not in found}
        except AiopsError as error:
            blind.append(str(error))
    fresh = services.book.untold(list(found))
    # In turn from each feed, so that one that sends much does not crowd out the others.
    items = _in_turn([item for key, item in found.items() if key in fresh])
    kept = items[: services.most_items]
    if not kept and not blind:
        return None
    return FeedBatch(at=services.clock(), items=tuple(kept), blind=tuple(blind), left_out=len(items) - len(kept))


def night_told(keys: Sequence[str], services: NightServices) -> None:
    """The deciding side has kept the report: these are told. A message that was lost on the way is told the next time."""
    now = services.clock()
    services.book.told(keys, now, now - services.keep_items)


def digest_feeds(batch: FeedBatch, services: TriageServices) -> NightReport:
    """One call of a model weighs the whole batch; without a usable answer it is a plain list. Never raises for a dead LLM."""
    try:
        reading = services.thinker.weigh(batch) if batch.items else Reading()
    except ThinkerError as error:
        reading = Reading(attempts=error.attempts)
    for attempt in reading.attempts:
        services.events.publish(attempt_event(attempt, "guardian-rss-digest", "hermes"))
    return NightReport(
        name="rss-digest",
        at=batch.at,
        lines=tuple(_lines(batch, reading)),
        attempts=reading.attempts,
        items=tuple(item.key for item in batch.items),
    )


def _in_turn(items: list[FeedItem]) -> list[FeedItem]:
    place: dict[str, int] = {}
    ranked = []
    for item in items:
        place[item.feed] = place.get(item.feed, 0) + 1
        ranked.append((place[item.feed], item))
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def _lines(batch: FeedBatch, reading: Reading) -> list[str]:
    weighed = [(one, batch.items[one.number - 1]) for one in reading.scores if one.number <= len(batch.items)]
    head = f"feeds: {len(batch.items)} new"
    lines: list[str] = []
    if weighed:
        worth = sorted((pair for pair in weighed if pair[0].score >= WORTH), key=lambda pair: -pair[0].score)
        shown = worth[:SHOWN]
        for one, item in shown:
            lines.append(f"{one.score}/10 {item.title} ({item.feed}) {item.link}".rstrip())
            lines += [f"   {one.sentence}"] if one.sentence else []
        if len(batch.items) > len(shown):
            lines.append(f"and {len(batch.items) - len(shown)} of less weight")
    else:
        lines += [f"{item.title} ({item.feed}) {item.link}".rstrip() for item in batch.items]
        head += ", not weighed: no model answered" if batch.items else ""
    if batch.left_out:
        lines.append(f"{batch.left_out} more come with the next digest")
    return [head, *lines, *(f"not read: {reason}" for reason in batch.blind)]
