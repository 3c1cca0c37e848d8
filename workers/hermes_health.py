"""hermes-health: watches hermes from outside and reaches the human by itself. Needs neither Celery nor Redis nor hermes.

Run by ``hermes-health.timer`` every 15 minutes on another container, as ``python3 -I hermes_health.py``: the standard library
is all it uses, so that a broken environment of aiops does not silence it. It asks the MQTT broker for the message that hermes
keeps fresh there (``<prefix>/worker/incidents/state``: when the last sweep was worked through). Silent for more than
``[hermes_health] silent_minutes``, or not to be seen because the broker does not answer: a message to the human by Telegram's
Bot API, by ntfy, or both; once per outage, and once more when hermes is back.

Exit codes: 0 hermes works; 1 it does not; 2 wrong settings; 4 it does not and the human could not be told (told again next time).
"""

import json
import os
import socket
import ssl
import struct
import sys
import time
import tomllib
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

FINE, SILENT, USAGE, UNTOLD = 0, 1, 2, 4
_SECONDS = 10.0
_CONNACK, _PUBLISH, _SUBACK = 2, 3, 9
_ACCEPTED = b"\x00\x00"
_SWEEP = "last sweep"


class CannotLookError(Exception):
    """The broker does not answer, refuses us, or says something that is no MQTT."""


@dataclass
class Record:
    """What is remembered between two runs. Times are seconds since 1970, on this machine's clock."""

    seen: str = ""
    seen_at: float = 0.0
    ran_at: float = 0.0
    told_at: float = 0.0


def look(mqtt: Mapping[str, Any]) -> dict[str, str]:
    """The retained state of hermes; empty when there is none.

    :raises CannotLookError: nothing can be said about hermes
    """
    topic = f"{mqtt.get('prefix', 'pixelium')}/worker/incidents/state"
    try:
        with _connect(mqtt) as link:
            payload = _retained(link, topic, mqtt)
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise CannotLookError(f"{mqtt['host']}: {error}") from error
    try:
        found = json.loads(payload) if payload else {}
    except ValueError:
        found = {"state": payload.decode(errors="replace")[:200]}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _connect(mqtt: Mapping[str, Any]) -> socket.socket:
    link = socket.create_connection((mqtt["host"], int(mqtt.get("port", 1883))), timeout=_SECONDS)
    if not mqtt.get("ca_file"):
        return link
    context = ssl.create_default_context(cafile=str(mqtt["ca_file"]))
    return context.wrap_socket(link, server_hostname=mqtt["host"])


def _retained(link: socket.socket, topic: str, mqtt: Mapping[str, Any]) -> bytes:
    """MQTT 3.1.1 as far as it is needed: connect, subscribe at QoS 0, read the retained message or learn that there is none."""
    user, flags, tail = str(mqtt.get("username", "")), 2, b""
    if user:
        flags |= 0xC0
        tail = _text(user) + _text(_secret(mqtt.get("password_file")))
    name = _text(f"hermes-health-{os.getpid()}")
    _send(link, 0x10, _text("MQTT") + bytes([4, flags]) + struct.pack(">H", 30) + name + tail)
    kind, body = _receive(link)
    if kind != _CONNACK or body != _ACCEPTED:
        raise ValueError(f"the broker refuses us with code {body[-1] if body else '?'}")
    _send(link, 0x82, struct.pack(">H", 1) + _text(topic) + b"\x00")
    # The retained message may come before or after the acknowledgement, so both are waited for; the second one shortly.
    found = b""
    acknowledged = False
    while not (acknowledged and found):
        try:
            kind, body = _receive(link)
        except TimeoutError:
            if acknowledged:
                return b""
            raise
        if kind == _PUBLISH:
            found = body[2 + struct.unpack(">H", body[:2])[0] :]
        elif kind == _SUBACK:
            acknowledged = True
            link.settimeout(2.0)
    return found


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _send(link: socket.socket, kind: int, body: bytes) -> None:
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (128 if length else 0))
        if not length:
            break
    link.sendall(bytes(head) + body)


def _receive(link: socket.socket) -> tuple[int, bytes]:
    """The kind and the body of the next packet."""
    kind, length = _exactly(link, 1)[0] >> 4, 0
    for shift in (0, 7, 14, 21):
        digit = _exactly(link, 1)[0]
        length |= (digit & 127) << shift
        if digit < 128:  # noqa: PLR2004 - the bit that says more follows
            return kind, _exactly(link, length)
    raise ValueError("this is no MQTT")


def _exactly(link: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        part = link.recv(min(65536, count - len(got)))
        if not part:
            raise ValueError("the broker hung up")
        got += part
    return got


def _secret(path: Any) -> str:
    if not path:
        return ""
    place = Path(str(path))
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    text = (place if place.is_absolute() or not folder else Path(folder) / place).read_text(encoding="utf-8")
    return text.strip().split("\n")[0].strip()


def silence(state: Mapping[str, str], record: Record, now: float) -> float:
    """Seconds since hermes last worked through a sweep, as far as we can tell; notes in the record what is new.

    Alive is who says something new: a worker that lives while nothing is swept is as silent as a dead one, and a degraded or
    absent one says nothing. The sweep's own time counts where it lies between our last run and now, so that clocks that differ
    cannot mislead us.
    """
    says = state.get("reason", "") if state.get("state") == "online" else ""
    if says.startswith(_SWEEP) and says != record.seen:
        record.seen = says
        record.seen_at = min(max(_moment(says.removeprefix(_SWEEP), now), record.ran_at or now), now)
    record.seen_at = record.seen_at or now
    record.ran_at = now
    return now - record.seen_at


def _moment(text: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except ValueError:
        return otherwise


def tell(text: str, ways: Mapping[str, Any]) -> list[str]:
    """Send the text every way there is; returns what went wrong, which holds no secret."""
    failures = []
    for way in (_telegram, _ntfy):
        try:
            way(text, ways)
        except (OSError, ValueError) as error:
            failures.append(f"{way.__name__.strip('_')}: {error}")
    return failures


def _telegram(text: str, ways: Mapping[str, Any]) -> None:
    if not ways.get("telegram_token_file"):
        return
    api = str(ways.get("telegram_api", "https://api.telegram.org")).rstrip("/")
    url = f"{api}/bot{_secret(ways['telegram_token_file'])}/sendMessage"
    body = json.dumps({"chat_id": ways.get("telegram_chat", ""), "text": text}).encode()
    said = json.loads(_post(url, body, {"Content-Type": "application/json"}))
    if not said.get("ok"):
        raise ValueError(said.get("description", "no reason given"))


def _ntfy(text: str, ways: Mapping[str, Any]) -> None:
    if ways.get("ntfy_url"):
        _post(str(ways["ntfy_url"]), text.encode(), {"Title": "hermes-health", "Priority": "urgent"})


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("an address must begin with http:// or https://")
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - looked at above
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        return bytes(answer.read(65536))


def run(settings: Mapping[str, Any], now: float) -> tuple[int, str]:
    """One look; the exit code and a sentence for the journal.

    :raises KeyError: no broker is set
    """
    health = settings.get("hermes_health", {})
    place = Path(str(health.get("record", "/var/lib/hermes-health/state.json")))
    record = _remembered(place)
    try:
        state = look(settings["mqtt"])
        says = f"its last words: {state.get('state', 'none')} {state.get('reason', '')}".rstrip()
    except CannotLookError as error:
        state, says = {}, f"nothing can be seen of it, because the broker does not answer: {error}"
    span = silence(state, record, now)
    minutes = span / 60
    code, sentence = FINE, f"hermes works; {says}"
    if minutes > float(health.get("silent_minutes", 30)):
        code, sentence = SILENT, f"hermes has been silent for {minutes:.0f} min; {says}"
        if not record.told_at:
            code = _told(sentence, health, record, now, code)
    elif record.told_at:
        gone = (record.seen_at - record.told_at) / 60
        code = _told(f"hermes is back, {gone:.0f} min after I told you; {says}", health, record, 0.0, FINE)
    _remember(place, record)
    if health.get("ping_url"):
        _ping(str(health["ping_url"]), sentence, ending="" if code == FINE else "/fail")
    return code, sentence


def _told(text: str, ways: Mapping[str, Any], record: Record, at: float, code: int) -> int:
    """``UNTOLD`` when no way led to the human; then it is told again next time."""
    failures = tell(text, ways)
    given = [key for key in ("telegram_token_file", "ntfy_url") if ways.get(key)]
    for failure in failures:
        sys.stderr.write(f"hermes-health: {failure}\n")
    if len(failures) >= len(given):
        return UNTOLD
    record.told_at = at
    return code


def _ping(url: str, text: str, ending: str) -> None:
    try:
        _post(url.rstrip("/") + ending, text.encode(), {})
    except (OSError, ValueError) as error:
        sys.stderr.write(f"hermes-health: the external watcher did not hear us: {error}\n")


def _remembered(place: Path) -> Record:
    try:
        return Record(**json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Record()


def _remember(place: Path, record: Record) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(record)), encoding="utf-8")
    fresh.replace(place)


def main() -> int:
    """Read the settings file that the whole system uses, look, tell."""
    path = Path(os.environ.get("AIOPS_CONFIG") or "/etc/aiops/aiops.toml")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
        if (os.environ.get("AIOPS_SHADOW") or settings.get("shadow")) == "all":
            sys.stdout.write("in shadow: nobody is told, so nothing is looked at\n")
            return FINE
        lacking = _lacking(settings)
    except (OSError, ValueError) as error:
        lacking = str(error)
    if lacking:
        sys.stderr.write(f"hermes-health: {path}: {lacking}\n")
        return USAGE
    code, sentence = run(settings, time.time())
    sys.stdout.write(f"{sentence}\n")
    return code


def _lacking(settings: Mapping[str, Any]) -> str:
    health = settings.get("hermes_health", {})
    if not settings.get("mqtt", {}).get("host"):
        return "[mqtt] host is not set, so hermes cannot be seen"
    if not (health.get("telegram_token_file") or health.get("ntfy_url")):
        return "[hermes_health] names neither telegram_token_file nor ntfy_url: nobody could be told"
    return ""


if __name__ == "__main__":
    sys.exit(main())
