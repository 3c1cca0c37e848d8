"""What the permit promises, on a real Redis."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from aiops.adapters.permit import KEY, RedisPermit, RedisPermitOffice
from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.errors import BusError
from tests.plans import NOON
from tests.redis_process import RedisServer, redis_server

Clock = Callable[[], Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as running:
        yield running


class Office:
    """Both ends, and a hand in Redis between them."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        generate_keys(folder / "a.key", folder / "a.pem")
        self.now = NOON
        self.there = NOON
        self.url = server.url
        signer, verifier = KeySigner(folder / "a.key"), KeyVerifier(folder / "a.pem")
        self.office = RedisPermitOffice(server.url, signer, clock=lambda: self.there)
        self.permit = RedisPermit(server.url, verifier, clock=lambda: self.now)
        self.redis = Redis.from_url(server.url)
        self.redis.delete(KEY)

    def close(self) -> None:
        self.office.close()
        self.permit.close()
        self.redis.close()


@pytest.fixture
def both(server: RedisServer, tmp_path: Path) -> Iterator[Office]:
    made = Office(server, tmp_path)
    yield made
    made.close()


def test_without_a_permit_nothing_starts(both: Office) -> None:
    assert not both.permit.valid()


def test_a_renewed_permit_is_valid(both: Office) -> None:
    both.office.renew()
    assert both.permit.valid()


def test_a_permit_that_is_not_renewed_ends_within_a_second(both: Office) -> None:
    both.office.renew()
    begun = time.monotonic()
    while both.permit.valid() and time.monotonic() - begun < 3:
        time.sleep(0.01)
    assert time.monotonic() - begun < 1


def test_a_revoked_permit_is_gone_at_once(both: Office) -> None:
    both.office.renew()
    both.office.revoke()
    assert not both.permit.valid()


@pytest.mark.parametrize("seconds", [-31, 31])
def test_a_permit_from_another_time_is_not_valid(both: Office, seconds: int) -> None:
    both.there = NOON + timedelta(seconds=seconds)
    both.office.renew()
    assert not both.permit.valid()


@pytest.mark.parametrize("seconds", [-29, 29])
def test_clocks_may_differ_a_little(both: Office, seconds: int) -> None:
    both.there = NOON + timedelta(seconds=seconds)
    both.office.renew()
    assert both.permit.valid()


def test_a_permit_that_was_not_signed_by_the_office_is_not_valid(both: Office, tmp_path: Path) -> None:
    both.office.renew()
    stored: Any = both.redis.get(KEY)
    whole = json.loads(stored)
    later = "2026-11-23T12:00:10.000Z"
    forgeries: list[Any] = [
        "",
        "1",
        "null",
        "[]",
        "{}",
        "\xff",
        "[" * 100_000,
        json.dumps(whole | {"issued_at": later}),
        json.dumps(whole | {"issued_at": 1}),
        json.dumps(whole | {"signature": "0" * 128}),
        json.dumps(whole | {"key": "0" * 16}),
    ]
    for forgery in forgeries:
        both.redis.set(KEY, forgery)
        assert not both.permit.valid(), forgery[:80]


def test_a_permit_copied_to_another_key_is_not_valid(both: Office, tmp_path: Path) -> None:
    both.office.renew()
    stored: Any = both.redis.get(KEY)
    both.redis.set("other", stored)
    other = RedisPermit(both.url, KeyVerifier(tmp_path / "a.pem"), key="other", clock=lambda: NOON)
    assert not other.valid()
    other.close()


def test_something_else_under_the_key_is_not_a_permit(both: Office) -> None:
    both.redis.delete(KEY)
    both.redis.lpush(KEY, "x")
    assert not both.permit.valid()


def test_a_redis_that_does_not_answer_means_stop(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as server:
        both = Office(server, tmp_path)
        both.office.renew()
        assert both.permit.valid()
        server.kill()
        assert not both.permit.valid()
        with pytest.raises(BusError, match=r"127\.0\.0\.1"):
            both.office.renew()
        with pytest.raises(BusError):
            both.office.revoke()
        both.close()
