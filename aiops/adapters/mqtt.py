"""MQTT 3.1.1 by paho: the bridge's broker, and the presence of a worker."""

import json
import logging
import ssl
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from aiops.domain.event import level
from aiops.domain.fact import iso, utcnow
from aiops.errors import BusError, SettingsError
from aiops.ports import Mirrored

IN_FLIGHT: Final = 20
"""Messages sent before the first must be acknowledged: paho's own window; 1000 was measured to be slower than 20."""
KEEPALIVE: Final = 15
_SLOWEST_RECONNECT: Final = 30
_LOOK: Final = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MqttAddress:
    """Where the broker is and how to speak to it. ``ca`` turns TLS on; of ``password_file`` the first line is used."""

    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return f"mqtt {self.host}:{self.port}"


@dataclass(frozen=True)
class Sent:
    """A message on its way; ``losses`` is how often its link had lost a connection before."""

    info: paho.MQTTMessageInfo
    losses: int


class MqttLink:
    """One connection, kept up by paho's thread with back-off, whose state is retained on ``topic``.

    ``{"state": "online"}`` at every connect, ``{"state": "offline"}`` at an orderly end and, as the last will, at any other.
    """

    def __init__(self, address: MqttAddress, topic: str, name: str) -> None:
        """Does not connect yet.

        :raises SettingsError: the password file or a certificate cannot be used
        """
        self._address, self._topic, self._name = address, topic, name
        self._state = ("online", "")
        self._changed = threading.Condition()
        self._connected = False
        self._losses = 0
        self._why = "not connected yet"
        self._client = self._new_client()

    def open(self) -> None:
        """Start connecting; returns at once, whether or not there is a broker."""
        self._client.connect_async(self._address.host, self._address.port, keepalive=KEEPALIVE)
        self._client.loop_start()

    @property
    def connected(self) -> bool:
        """Whether it is connected now."""
        return self._connected

    @property
    def why(self) -> str:
        """Why it is not connected."""
        return self._why

    def wait(self, seconds: float) -> bool:
        """Whether it is connected, waiting at most that long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._connected, seconds)

    def say(self, state: str, reason: str = "") -> None:
        """Retain that state, now if connected and again at every reconnect. Never raises."""
        self._state = (state, reason)
        if self._connected:
            self._client.publish(self._topic, self._text(), qos=1, retain=True)

    def send(self, topic: str, payload: str, *, retain: bool) -> Sent:
        """Hand one message to the connection.

        :raises BusError: not connected
        """
        with self._changed:
            losses = self._losses
            if not self._connected:
                raise BusError(str(self._address), self._why)
        info = self._client.publish(topic, payload.encode(), qos=1, retain=retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise BusError(str(self._address), paho.error_string(info.rc))
        return Sent(info, losses)

    def acknowledged(self, sent: Sent, seconds: float) -> bool:
        """Whether the broker acknowledges the message in time and on the connection it was sent on."""
        deadline = time.monotonic() + seconds
        while not sent.info.is_published():
            if self._losses != sent.losses or time.monotonic() > deadline:
                return False
            # Nothing wakes this wait when the connection breaks, so it looks; paho needs a second to come back by itself.
            sent.info.wait_for_publish(_LOOK)
        return True

    def close(self, seconds: float = 2.0) -> None:
        """Say ``offline`` if somebody listens, disconnect so that the last will is not sent, and end the thread."""
        if self._connected:
            self._state = ("offline", "stopped")
            try:
                self.acknowledged(self.send(self._topic, self._text(), retain=True), seconds)
            except BusError:
                log.debug("%s: gone before good-bye", self._address)
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """End the connection and its thread with all it still wanted to send."""
        self._client.disconnect()
        self._client.loop_stop()

    def _new_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._name,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        client.max_inflight_messages_set(IN_FLIGHT)
        client.max_queued_messages_set(10 * IN_FLIGHT)
        client.reconnect_delay_set(min_delay=1, max_delay=_SLOWEST_RECONNECT)
        client.will_set(self._topic, self._text("offline", "connection lost"), qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        self._secure(client)
        return client

    def _secure(self, client: paho.Client) -> None:
        address = self._address
        try:
            if address.user:
                lines = address.password_file.read_text(encoding="utf-8").split() if address.password_file else []
                client.username_pw_set(address.user, lines[0] if lines else None)
            if address.ca is not None:
                context = ssl.create_default_context(cafile=str(address.ca))
                if address.certificate is not None:
                    context.load_cert_chain(address.certificate, address.key)
                client.tls_set_context(context)
        except (OSError, ValueError) as error:
            raise SettingsError(str(address), str(error)) from error

    def _text(self, state: str = "", reason: str = "") -> str:
        if not state:
            state, reason = self._state
        said = {"state": state, "name": self._name, "at": iso(utcnow()), "reason": reason}
        return json.dumps({key: value for key, value in said.items() if value})

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        if code.is_failure:
            with self._changed:
                self._why = f"refused: {code}"
                self._changed.notify_all()
            return
        said = self._state
        client.publish(self._topic, self._text(*said), qos=1, retain=True)
        with self._changed:
            self._connected = True
            self._changed.notify_all()
        if self._state != said:
            # It was said while we were not connected yet, and after we had read what to say.
            client.publish(self._topic, self._text(), qos=1, retain=True)
        log.info("%s: connected as %s", self._address, self._name)

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        # paho calls this where it has caught the reason, and does not hand it on.
        reason = sys.exc_info()[1]
        with self._changed:
            self._why = f"no connection: {reason}" if reason else "no connection"

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        with self._changed:
            was = self._connected
            self._connected = False
            self._losses += 1
            if was or "refused" not in self._why:
                self._why = f"disconnected: {code}"
            self._changed.notify_all()


class MqttBroker:
    """Port ``Broker``. One thread publishes at a time.

    A connection on which an acknowledgement is missing is thrown away with everything it holds: what it might still send
    later would arrive after what the caller sends again, and an old retained state would win over a newer one.
    """

    def __init__(
        self,
        address: MqttAddress,
        *,
        prefix: str = "pixelium",
        name: str = "aiops-bridge",
        seconds: float = 10.0,
    ) -> None:
        """Starts connecting. ``seconds`` is how long an acknowledgement may take.

        :raises SettingsError: the password file or a certificate cannot be used
        """
        self._address, self._name, self._seconds = address, name, seconds
        self._topic = f"{prefix}/bridge/state"
        self._link = self._opened()

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """See the port."""
        self.publish_all([Mirrored("", topic, payload, retain=retain)])

    def publish_all(self, entries: Sequence[Mirrored]) -> int:
        """See the port."""
        if not self._link.connected:
            raise BusError(str(self._address), self._link.why)
        done = self._through(entries)
        if done < len(entries):
            self._link.drop()
            self._link = self._opened()
        if entries and not done:
            raise BusError(str(self._address), f"no acknowledgement within {self._seconds:g} s")
        return done

    def _through(self, entries: Sequence[Mirrored]) -> int:
        """Send in order with a window in flight; how many, counted from the first, are acknowledged."""
        link, sent, done = self._link, list[Sent](), 0
        for entry in entries:
            if len(sent) - done == IN_FLIGHT:
                if not link.acknowledged(sent[done], self._seconds):
                    return done
                done += 1
            try:
                sent.append(link.send(entry.topic, entry.payload, retain=entry.retain))
            except BusError as error:
                log.info("%s", error)
                break
        while done < len(sent) and link.acknowledged(sent[done], self._seconds):
            done += 1
        return done

    def announce(self, state: str, reason: str = "") -> None:
        """Retain on the bridge's own topic how it is. Never raises."""
        self._link.say(state, reason)

    def wait(self, seconds: float) -> bool:
        """Whether it is connected, waiting at most that long."""
        return self._link.wait(seconds)

    def close(self) -> None:
        """Say good-bye, so that the last will is not sent."""
        self._link.close()

    def _opened(self) -> MqttLink:
        link = MqttLink(self._address, self._topic, self._name)
        link.open()
        return link


class Presence:
    """A worker's life on MQTT: retained on ``<prefix>/worker/<name>/state``, with a last will for a death by any cause."""

    def __init__(self, address: MqttAddress, name: str, *, prefix: str = "pixelium") -> None:
        """Does not connect yet.

        :raises SettingsError: the password file or a certificate cannot be used
        """
        self._link = MqttLink(address, f"{prefix}/worker/{level(name)}/state", name)

    def start(self) -> None:
        """Say ``online`` as soon as there is a broker; returns at once and never raises for a missing one."""
        self._link.open()

    def wait(self, seconds: float) -> bool:
        """Whether it is connected, waiting at most that long."""
        return self._link.wait(seconds)

    def well(self, text: str) -> None:
        """Say ``online`` anew, with the time. Never raises."""
        self._link.say("online", text)

    def ill(self, text: str) -> None:
        """Say ``degraded`` and why. Never raises."""
        self._link.say("degraded", text)

    def stop(self) -> None:
        """Say ``offline`` and leave."""
        self._link.close()
