"""MQTT 3.1.1 by paho: the bridge's broker, and the presence of a worker."""

import json
import logging
import ssl
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

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MqttAddress:
    """Where the broker is and how to speak to it. ``ca`` turns TLS on; ``password_file`` holds one line."""

    host: str = "127.0.0.1"
    port: int = 1883
    user: str = ""
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __str__(self) -> str:
        return f"mqtt {self.host}:{self.port}"


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
        self._acknowledged: set[int] = set()
        self._connected = False
        self._lost = 0
        self._why = "not connected yet"
        self._client = self._new_client()

    def open(self) -> None:
        """Start connecting; returns at once, whether or not there is a broker."""
        self._client.connect_async(self._address.host, self._address.port, keepalive=KEEPALIVE)
        self._client.loop_start()

    def wait(self, seconds: float) -> bool:
        """Whether it is connected, waiting at most that long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._connected, seconds)

    def say(self, state: str, reason: str = "") -> None:
        """Retain that state, now if connected and again at every reconnect. Never raises."""
        self._state = (state, reason)
        if self._connected:
            self._client.publish(self._topic, self._text(), qos=1, retain=True)

    def send(self, topic: str, payload: str, *, retain: bool) -> int:
        """Hand one message to the connection and return its number.

        :raises BusError: not connected
        """
        if not self._connected:
            raise BusError(str(self._address), self._why)
        info = self._client.publish(topic, payload.encode(), qos=1, retain=retain)
        if info.rc != paho.MQTT_ERR_SUCCESS:
            raise BusError(str(self._address), paho.error_string(info.rc))
        return info.mid

    def acknowledged(self, mid: int, deadline: float) -> bool:
        """Whether the broker acknowledges the message before ``time.monotonic()`` reaches the deadline or the connection breaks."""
        with self._changed:
            lost = self._lost
            self._changed.wait_for(
                lambda: mid in self._acknowledged or self._lost != lost or not self._connected,
                max(0.0, deadline - time.monotonic()),
            )
            if mid not in self._acknowledged:
                return False
            self._acknowledged.discard(mid)
            return True

    def close(self, seconds: float = 2.0) -> None:
        """Say ``offline`` if somebody listens, disconnect so that the last will is not sent, and end the thread."""
        if self._connected:
            self._state = ("offline", "stopped")
            try:
                mid = self.send(self._topic, self._text(), retain=True)
            except BusError:
                log.debug("%s: gone before good-bye", self._address)
            else:
                self.acknowledged(mid, time.monotonic() + seconds)
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
        client.on_publish = self._on_publish
        self._secure(client)
        return client

    def _secure(self, client: paho.Client) -> None:
        address = self._address
        try:
            if address.user:
                secret = address.password_file.read_text(encoding="utf-8").strip() if address.password_file else None
                client.username_pw_set(address.user, secret)
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
        client.publish(self._topic, self._text(), qos=1, retain=True)
        with self._changed:
            self._connected = True
            self._changed.notify_all()
        log.info("%s: connected as %s", self._address, self._name)

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        with self._changed:
            self._why = "no connection"

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _properties: Any) -> None:
        with self._changed:
            was = self._connected
            self._connected = False
            self._lost += 1
            self._acknowledged.clear()
            if was or "refused" not in self._why:
                self._why = f"disconnected: {code}"
            self._changed.notify_all()

    def _on_publish(self, _client: paho.Client, _data: Any, mid: int, _code: Any, _properties: Any) -> None:
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()


class MqttBroker:
    """Port ``Broker``. One thread publishes at a time.

    A connection on which an acknowledgement is missing is thrown away with everything it holds: what it might still send
    later would arrive after what the caller sends again, and an old retained state would win over a newer one.
    """

    def __init__(self, address: MqttAddress, *, prefix: str = "pixelium", name: str = "aiops-bridge", seconds: float = 10.0) -> None:
        """Starts connecting. ``seconds`` is how long an acknowledgement may take.

        :raises SettingsError: the password file or a certificate cannot be used
        """
        self._address, self._name, self._seconds = address, name, seconds
        self._topic = f"{prefix}/bridge/state"
        self._link = self._opened()

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """See the port."""
        if not self.publish_all([Mirrored("", topic, payload, retain=retain)]):
            raise BusError(str(self._address), f"no acknowledgement within {self._seconds:g} s")

    def publish_all(self, entries: Sequence[Mirrored]) -> int:
        """Publish in order with a window in flight; how many, counted from the first, are acknowledged."""
        sent: list[int] = []
        done = 0
        try:
            for entry in entries:
                if len(sent) - done == IN_FLIGHT:
                    if not self._acknowledged(sent[done]):
                        return self._broken(done)
                    done += 1
                sent.append(self._link.send(entry.topic, entry.payload, retain=entry.retain))
        except BusError:
            if not sent:
                raise
            return self._broken(done)
        for mid in sent[done:]:
            if not self._acknowledged(mid):
                return self._broken(done)
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

    def _acknowledged(self, mid: int) -> bool:
        return self._link.acknowledged(mid, time.monotonic() + self._seconds)

    def _broken(self, done: int) -> int:
        self._link.drop()
        self._link = self._opened()
        return done


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

    def stop(self) -> None:
        """Say ``offline`` and leave."""
        self._link.close()
