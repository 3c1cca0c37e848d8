"""Our transport on a real Redis: an acknowledgement that the broker did not hear leaves no worker deaf."""

from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from aiops.adapters.embedded import EmbeddedRedis
from tests.servers import free_port


def test_after_an_acknowledgement_that_got_lost_the_worker_asks_for_messages_again(tmp_path: Path) -> None:
    with (
        EmbeddedRedis(tmp_path / "redis", free_port()) as server,
        Connection(server.url, transport="tasks.transport:Transport") as connection,
    ):
        channel: Any = connection.channel()
        channel.basic_qos(0, 1, False)  # noqa: FBT003 - AMQP has it so
        channel.qos._quick_append("tag", object())
        assert not channel.qos.can_consume()
        server.stop()
        with pytest.raises(channel.connection_errors):
            channel.qos.ack("tag")
        assert channel.qos.can_consume()
