"""Reads what Alertmanager (v4), Grafana and generic senders post: labels become identity, text stays text. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aiops.adapters.llm_text import plain
from aiops.condense.scrub import scrub, scrub_tree
from aiops.domain.heard import Alert
from aiops.domain.host import Host
from aiops.domain.severity import Severity
from aiops.errors import RefusedError

HOST_LABELS: Final = ("host", "hostname", "nodename", "node", "instance", "name")
"""Where senders say which host it is about, the surest first. node_exporter's ``instance`` brings its port."""
MOST: Final = 500
_LEVELS: Final = {
    **dict.fromkeys(("critical", "crit", "page", "emergency", "disaster", "high", "error"), Severity.CRITICAL),
    **dict.fromkeys(("info", "information", "informational", "notice", "none", "low", "ok", "debug"), Severity.INFO),
}
_TEXT, _LABEL = 400, 120

Find = Callable[[str], str]
"""From a sender's name of a host to ours; empty when it is none of ours."""


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Alert(_Loose):
    status: str = Field(pattern="^(firing|resolved)$")
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    fingerprint: str = Field(default="", pattern=r"^[0-9A-Za-z]{0,64}$")


class _Alertmanager(_Loose):
    """Alertmanager's webhook, version 4; Grafana's own has the same alerts."""

    version: str
    alerts: list[_Alert] = Field(min_length=1, max_length=MOST)


class _Generic(BaseModel):
    """Our own form, for whatever can send JSON: see docs/ingest.md."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(default="", pattern=r"^[A-Za-z0-9._:-]{0,64}$")
    name: str = Field(min_length=1, max_length=120)
    host: str = Field(min_length=1, max_length=253)
    severity: str = "warning"
    status: str = Field(default="firing", pattern="^(firing|resolved)$")
    summary: str = ""
    details: dict[str, str] = Field(default_factory=dict, max_length=20)


def finder(hosts: Sequence[Host], mapped: Mapping[str, str], unknown: str) -> Find:
    """By the settings' own table, then by name, by name without its domain, by address; else ``unknown``."""
    names = {host.name.lower(): host.name for host in hosts}
    addresses = {host.address.lower(): host.name for host in hosts if host.address}

    def find(said: str) -> str:
        word = said.strip().lower()
        bare = re.sub(r":\d+$", "", word).strip("[]")
        for one in (word, bare):
            if one in mapped:
                return mapped[one]
        return names.get(bare) or addresses.get(bare) or names.get(bare.partition(".")[0]) or unknown

    return find


def read(form: str, content: bytes, find: Find) -> tuple[list[Alert], list[str]]:
    """The alerts that are about hosts of ours, and a reason for each that is not.

    :raises RefusedError: ``form``, it is no message of that form
    """
    try:
        if form == "generic":
            return _sorted(_generic(_Generic.model_validate_json(content), find))
        message = _Alertmanager.model_validate_json(content)
        if form == "alertmanager" and message.version != "4":
            raise RefusedError("form", f"version {message.version[:10]!r} of Alertmanager's webhook is not known, 4 is")
        return _sorted(one for alert in message.alerts for one in _foreign(alert, find))
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"]))[:80]
        raise RefusedError("form", f"it is no message of the form {form}: {where} {wrong['msg'][:120]}") from None


def _sorted(found: Iterator[Alert | str]) -> tuple[list[Alert], list[str]]:
    rows = list(found)
    return [one for one in rows if isinstance(one, Alert)], [one for one in rows if isinstance(one, str)]


def _foreign(alert: _Alert, find: Find) -> Iterator[Alert | str]:
    name = _word(alert.labels.get("alertname", "")) or "alert"
    named = [alert.labels[label] for label in HOST_LABELS if alert.labels.get(label)]
    host = next((found for word in named if (found := find(word))), "") or find("")
    if not host:
        yield f"{name}: none of {', '.join(HOST_LABELS)} names a host of the inventory"
        return
    text = next(
        (alert.annotations[key] for key in ("summary", "description", "message") if alert.annotations.get(key)), ""
    )
    yield Alert(
        name=name,
        identity=alert.fingerprint or _identity(alert.labels),
        host=host,
        severity=_LEVELS.get(alert.labels.get("severity", "").lower(), Severity.WARNING),
        summary=_line(text),
        firing=alert.status == "firing",
        details=_details(alert.labels),
    )


def _generic(message: _Generic, find: Find) -> Iterator[Alert | str]:
    host = find(message.host)
    if not host:
        yield f"{_word(message.name)}: {_word(message.host)} is no host of the inventory"
        return
    yield Alert(
        name=_word(message.name) or "alert",
        identity=message.id or _identity({"name": message.name, "host": message.host}),
        host=host,
        severity=_LEVELS.get(message.severity.lower(), Severity.WARNING),
        summary=_line(message.summary),
        firing=message.status == "firing",
        details=_details(message.details),
    )


def _details(labels: Mapping[str, str]) -> dict[str, str]:
    shown = {_word(key)[:40]: plain(value, _LABEL) for key, value in list(labels.items())[:20]}
    cleaned: dict[str, str] = scrub_tree(shown)
    return {f"label_{key}": value for key, value in cleaned.items()}


def _identity(labels: Mapping[str, str]) -> str:
    return hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:16]


def _line(text: str) -> str:
    return " ".join(plain(scrub(text), _TEXT).split())


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9 ._:/-]+", "", text)[:_LABEL].strip()
