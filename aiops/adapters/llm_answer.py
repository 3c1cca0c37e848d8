"""What of a model's answer may pass. Pure: no network, no litellm."""

import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiops.adapters.llm_prompt import NO_PLAYBOOK
from aiops.adapters.llm_text import plain
from aiops.domain.fact import canonical
from aiops.domain.severity import Severity
from aiops.domain.verdict import Action, Confidence, Question, Verdict
from aiops.errors import ProviderError

LONGEST: Final = 64_000
"""Characters. The longest answer of the asked form is a tenth of it; more is a model that has lost its way."""
_REASON: Final = 1_000


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    action: Action
    playbook: str
    params: dict[str, Any] | None = None
    reason: str = Field(min_length=1)
    confidence: Confidence
    evidence: list[str]


def verdict_from(text: str, question: Question, source: str) -> Verdict:
    """What of the answer may pass. What lies outside the question becomes ``alert_human``, with the reason.

    :raises ProviderError: ``invalid``, the text is no answer of the asked form
    """
    if not text.strip():
        raise ProviderError("invalid", f"the answer of {source} is empty")
    if len(text) > LONGEST:
        raise ProviderError("invalid", f"the answer of {source} is {len(text)} characters long")
    try:
        answer = _Answer.model_validate_json(bare(text))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = plain(".".join(map(str, wrong["loc"])), 60) or "answer"
        reason = f"the answer of {source} has not the asked form ({where}: {plain(wrong['msg'], 200)})"
        raise ProviderError("invalid", reason) from None
    playbook = "" if answer.playbook == NO_PLAYBOOK else answer.playbook
    reason = plain(answer.reason, _REASON).strip() or "(the model gave no reason)"
    objection = _objection(answer, playbook, question)
    if objection:
        return Verdict(
            incident=question.incident.id,
            action="alert_human",
            reason=f"{objection}. Its reason: {reason}",
            confidence="low",
            source=source,
        )
    return Verdict(
        incident=question.incident.id,
        action=answer.action,
        playbook=playbook,
        reason=reason,
        confidence=answer.confidence,
        evidence=tuple(answer.evidence),
        source=source,
    )


def _objection(answer: _Answer, playbook: str, question: Question) -> str:
    """Why the answer must not pass as it is; empty when it may."""
    offered = {choice.playbook for choice in question.choices}
    unknown = set(answer.evidence) - {finding.fingerprint for finding in question.incident.findings}
    checks = (
        (bool(playbook) and playbook not in offered, f"the model named the playbook {_quoted(playbook)}, not offered"),
        (answer.action == "remediate" and not playbook, "the model wants a remediation but names no playbook"),
        (_strange_params(answer, playbook, question), "the model wants parameters that were not offered"),
        (
            bool(unknown),
            f"the model cites evidence that does not exist: {', '.join(map(_quoted, sorted(unknown)[:3]))}",
        ),
        (
            answer.action == "drop" and question.incident.severity is Severity.CRITICAL,
            "the model wants to drop a critical incident, which no model may",
        ),
    )
    return next((sentence for bad, sentence in checks if bad), "")


def _strange_params(answer: _Answer, playbook: str, question: Question) -> bool:
    """Whether it named a parameter value that is not the one offered with its playbook; compared with their types."""
    named = {name: value for name, value in (answer.params or {}).items() if value is not None}
    offers = [choice.params for choice in question.choices if choice.playbook == playbook]
    fits = any(
        all(name in offer and _same(offer[name], value) for name, value in named.items()) for offer in (*offers, {})
    )
    return not fits


def _same(ours: Any, theirs: Any) -> bool:
    try:
        return canonical(ours) == canonical(theirs)
    except (ValueError, RecursionError):
        return False


def _quoted(word: str) -> str:
    return repr(plain(word, 60))


def bare(text: str) -> str:
    """Without the thoughts some models print first and without a code fence around the whole."""
    text = re.sub(r"\A\s*<think>.*?</think>", "", text, flags=re.DOTALL).strip()
    fenced = re.fullmatch(r"```(?:json)?\s*\n(.*)\n\s*```", text, flags=re.DOTALL)
    return fenced[1] if fenced else text
