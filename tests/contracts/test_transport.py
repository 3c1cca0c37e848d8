"""Our transport on a real Redis: an answer to a message that the broker did not hear leaves no worker deaf."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from aiops.adapters.embedded import EmbeddedRedis
from tests.servers import free_port


@pytest.mark.parametrize(
    "answer",
    [
        lambda qos: qos.ack("tag"),
        lambda qos: qos.reject("tag"),
        lambda qos: qos.reject("tag", requeue=True),
    ],
    ids=["acknowledged", "rejected", "given back"],
)
def test_after_an_answer_that_got_lost_the_worker_asks_for_messages_again(
    tmp_path: Path, answer: Callable[[Any], None]
) -> None:
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
            answer(channel.qos)
        assert channel.qos.can_consume()
