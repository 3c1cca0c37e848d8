"""The desk at which other agents ask: one topic is read, one is written, at a bounded rate. It knows nothing but a function."""

import json
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from aiops.adapters.mqtt import MqttAddress, MqttLink

_MINUTE: Final = 60.0
LONGEST: Final = 60_000
"""Bytes of a reply: below what brokers usually take."""

log = logging.getLogger(__name__)

Answer = Callable[[bytes], dict[str, Any]]


class MqttDesk(MqttLink):
    """Answers on ``<prefix>/agents/reply`` what is asked on ``<prefix>/agents/brief``."""

    def __init__(
        self,
        address: MqttAddress,
        answer: Answer,
        *,
        prefix: str,
        per_minute: int,
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Does not connect yet. ``most`` is bytes of a question.

        :raises SettingsError: the password file or a certificate cannot be used
        """
        super().__init__(address, f"{prefix}/worker/brief/state", "brief")
        self._answer, self._most, self._limit, self._now = answer, most, per_minute, clock
        self._ask, self._reply = f"{prefix}/agents/brief", f"{prefix}/agents/reply"
        self._lately: deque[float] = deque()
        self._told = False
        self._client.on_message = self._on_message

    def _on_connect(self, client: paho.Client, data: Any, flags: Any, code: ReasonCode, properties: Any) -> None:
        super()._on_connect(client, data, flags, code, properties)
        if not code.is_failure:
            client.subscribe(self._ask, qos=1)

    def _on_message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        # A retained question would be asked again at every connect.
        if message.topic != self._ask or message.retain:
            return
        said = self._said(bytes(message.payload))
        if said is not None:
            client.publish(self._reply, said, qos=1)

    def _said(self, asked: bytes) -> str | None:
        """The reply; None when too much was asked and that was said once."""
        now = self._now()
        while self._lately and now - self._lately[0] >= _MINUTE:
            self._lately.popleft()
        if len(self._lately) >= self._limit:
            first, self._told = not self._told, True
            return (
                _text({"id": "", "ok": False, "error": f"more than {self._limit} questions a minute"})
                if first
                else None
            )
        self._told = False
        self._lately.append(now)
        if len(asked) > self._most:
            return _text({"id": "", "ok": False, "error": f"a question has at most {self._most} bytes"})
        answer = self._answer(asked)
        text = _text(answer)
        if len(text.encode()) <= LONGEST:
            return text
        return _text({"id": answer["id"], "ok": False, "error": "the answer is too long: ask for less"})


def _text(reply: dict[str, Any]) -> str:
    return json.dumps(reply, ensure_ascii=False)
