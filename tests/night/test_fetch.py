"""What a stranger's server may do to us, against real sockets: every hop is checked, and nothing takes long or much."""

import ipaddress
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from typing import Any

import pytest

from aiops.adapters.safe_fetch import SafeFetch, networks, resolve
from aiops.errors import BusError, RefusedError, SettingsError
from tests.night.feed_server import Strangers

OWN = networks(["127.0.0.2/32"])


@pytest.fixture
def strangers() -> Iterator[Strangers]:
    server = Strangers()
    yield server
    server.close()


@pytest.fixture
def inside() -> Iterator[Strangers]:
    """A server of our own network, which no stranger may reach through us."""
    server = Strangers("127.0.0.1")
    server.content("/secret", b"inner")
    yield server
    server.close()


def fetch(**changes: Any) -> SafeFetch:
    return SafeFetch(**{"seconds": 60.0, "private": OWN, **changes})


def test_a_page_is_read_and_a_relative_redirect_followed(strangers: Strangers) -> None:
    strangers.content("/there", b"hello")
    strangers.redirect("/here", "/there")
    assert fetch().get(strangers.url("/here")) == b"hello"


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *(
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "2002:7f00:1::",
            "ff02::1",
            "64:ff9b:1::7f00:1",
        ),
    ],
)
def test_no_address_of_a_private_network_is_gone_to(address: str) -> None:
    literal = f"[{address}]" if ":" in address else address
    with pytest.raises(RefusedError, match="not an address of the public internet"):
        SafeFetch().get(f"http://{literal}/feed")


def test_a_name_that_resolves_to_a_private_address_is_refused(inside: Strangers) -> None:
    with pytest.raises(RefusedError, match="not an address of the public internet"):
        fetch().get(inside.url("/secret", "localhost"))
    assert inside.asked == []


def test_one_private_number_among_public_ones_is_enough_to_refuse(inside: Strangers) -> None:
    both = fetch(resolve=lambda *_: ["93.184.216.34", "127.0.0.1"])
    with pytest.raises(RefusedError, match=r"127\.0\.0\.1"):
        both.get(inside.url("/secret", "rebind.example"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_private_address_is_refused(strangers: Strangers, inside: Strangers, status: int) -> None:
    strangers.redirect("/feed", inside.url("/secret"), status)
    with pytest.raises(RefusedError, match="not an address of the public internet"):
        fetch().get(strangers.url("/feed"))
    assert inside.asked == []


def test_a_name_that_changes_its_number_gains_nothing(strangers: Strangers, inside: Strangers) -> None:
    """DNS rebinding: the number that was checked is the one that is connected to; the name is asked once per hop."""
    strangers.content("/secret", b"outer")
    asked: list[str] = []
    numbers = chain(["127.0.0.2"], repeat("127.0.0.1"))

    def rebinding(name: str, port: int) -> Sequence[str]:
        asked.append(name)
        return [next(numbers)]

    assert fetch(resolve=rebinding).get(strangers.url("/secret", "rebind.example")) == b"outer"
    assert asked == ["rebind.example"]
    with pytest.raises(RefusedError):
        fetch(resolve=rebinding).get(strangers.url("/secret", "rebind.example"))
    assert inside.asked == []


@pytest.mark.parametrize(
    "where",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.2/",
        "gopher://127.0.0.2:6379/_FLUSHALL",
        "http://u:p@127.0.0.2/",
        "http://[::1",
    ],
)
def test_only_plain_web_addresses_are_followed(strangers: Strangers, where: str) -> None:
    strangers.redirect("/feed", where)
    with pytest.raises(RefusedError, match="address"):
        fetch().get(strangers.url("/feed"))


def test_redirects_end(strangers: Strangers) -> None:
    strangers.redirect("/round", "/round")
    with pytest.raises(RefusedError, match="more than 3 times"):
        fetch().get(strangers.url("/round"))
    assert len(strangers.asked) == 4


def test_a_huge_page_is_left_when_it_is_too_much(strangers: Strangers) -> None:
    sent = 0

    def endless(to: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        to.send_response(200)
        to.end_headers()
        for _ in range(2000):
            to.wfile.write(b"x" * 65536)
            sent += 65536

    strangers.answers["/huge"] = endless
    with pytest.raises(RefusedError, match="larger than 100000 bytes"):
        fetch(most=100_000).get(strangers.url("/huge"))
    assert sent < 100_000_000


def test_a_server_that_drips_is_left_in_time(strangers: Strangers) -> None:
    def drip(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.end_headers()
        for _ in range(600):
            to.wfile.write(b"x")
            to.wfile.flush()
            time.sleep(0.1)

    strangers.answers["/drip"] = drip
    with pytest.raises(BusError, match="no whole answer within 1 s"):
        fetch(seconds=1.0).get(strangers.url("/drip"))


@pytest.mark.parametrize(
    ("status", "error"), [(404, SettingsError), (410, SettingsError), (503, BusError), (429, BusError)]
)
def test_a_refusal_is_for_good_or_for_now(strangers: Strangers, status: int, error: type[Exception]) -> None:
    strangers.content("/feed", b"", status)
    with pytest.raises(error, match=f"it answers {status}"):
        fetch().get(strangers.url("/feed"))


def test_what_may_be_a_secret_in_an_address_is_not_told(strangers: Strangers) -> None:
    with pytest.raises(SettingsError) as caught:
        fetch().get(strangers.url("/feed?token=abc123"))
    assert "abc123" not in str(caught.value)


def test_a_network_of_the_settings_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"feeds\.private"):
        networks(["lan"])


def test_the_system_resolves_numbers_as_they_are() -> None:
    assert [ipaddress.ip_address(one) for one in resolve("127.0.0.2", 80)] == [ipaddress.ip_address("127.0.0.2")]
