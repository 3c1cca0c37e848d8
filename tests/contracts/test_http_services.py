"""The native adapters of services over HTTP: one style of errors, retries and timeouts, the same cases against each."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from aiops.adapters.cloudflare_kv import CloudflareKv
from aiops.adapters.forgejo import ForgejoCommits
from aiops.adapters.json_api import JsonApi
from aiops.adapters.netbox import NetBoxMachines
from aiops.errors import AiopsError, BusError, SettingsError
from tests.contracts import http_services as real
from tests.contracts.http_services import TOKEN, Service, commit, repository, serving

SINCE = datetime(2026, 10, 24, tzinfo=UTC)
YOUNG, OLD = "2026-11-20T10:00:00+01:00", "2026-01-01T00:00:00Z"
FOLDER = "/client/v4/accounts/0a1b/storage/kv/namespaces/2c3d/values"
STATS: Mapping[str, Any] = {"ok": True, "stats": {"a": 1}, "updated_at": "2026-11-23T12:00:00Z"}


@dataclass
class Case:
    """One call of one adapter, and what it gives where all is well."""

    service: Service
    call: Callable[..., Any]
    good: Any


def api(service: Service, scheme: str, token: str, seconds: float, base: str = "") -> JsonApi:
    return JsonApi(
        "the service", f"{service.url}{base}", lambda: {"Authorization": f"{scheme} {token}"}, seconds=seconds
    )


def forgejo(stack: ExitStack) -> Case:
    speaks = real.Forgejo([repository("me/lab")], {"me/lab": [commit(YOUNG), commit(OLD)]})
    service = stack.enter_context(serving(Service(speaks, real.forgejo_refusal)))

    def call(token: str = TOKEN, seconds: float = 10.0) -> int:
        return ForgejoCommits(api(service, "token", token, seconds)).commits_since(SINCE)

    return Case(service, call, 1)


def kv_get(stack: ExitStack) -> Case:
    speaks = real.CloudflareKv(FOLDER, {"stats": json.dumps(STATS).encode()})
    service = stack.enter_context(serving(Service(speaks, real.cloudflare_refusal)))

    def call(token: str = TOKEN, seconds: float = 10.0) -> Any:
        return CloudflareKv(api(service, "Bearer", token, seconds, "/client/v4"), "0a1b", "2c3d").get("stats")

    return Case(service, call, STATS)


def kv_put(stack: ExitStack) -> Case:
    speaks = real.CloudflareKv(FOLDER)
    service = stack.enter_context(serving(Service(speaks, real.cloudflare_refusal)))

    def call(token: str = TOKEN, seconds: float = 10.0) -> Any:
        CloudflareKv(api(service, "Bearer", token, seconds, "/client/v4"), "0a1b", "2c3d").put("stats", STATS)
        return json.loads(speaks.values["stats"])

    return Case(service, call, STATS)


def netbox(stack: ExitStack) -> Case:
    speaks = real.NetBox([{"name": f"pve{n}", "status": {"value": "active"}} for n in range(201)])
    service = stack.enter_context(serving(Service(speaks, real.netbox_refusal)))

    def call(token: str = TOKEN, seconds: float = 10.0) -> int:
        return len(NetBoxMachines(api(service, "Token", token, seconds)).guests())

    return Case(service, call, 201)


@pytest.fixture(params=[forgejo, kv_get, kv_put, netbox], ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with ExitStack() as stack:
        yield request.param(stack)


def raised(case: Case, **how: Any) -> AiopsError:
    with pytest.raises(AiopsError) as caught:
        case.call(**how)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_what_is_well_is_read_in_every_page(case: Case) -> None:
    assert case.call() == case.good
    assert all("elsewhere" not in one.path for one in case.service.asked)


@pytest.mark.parametrize("trouble", ["429:1", "429", "502", "503", "504", "drop", "half"])
def test_what_passes_in_a_moment_is_asked_again(case: Case, trouble: str) -> None:
    case.service.troubles = [trouble]
    assert case.call() == case.good


def test_a_server_that_says_how_long_to_wait_is_not_asked_before(case: Case) -> None:
    case.service.troubles = ["429:1"]
    began = time.monotonic()
    assert case.call() == case.good
    assert time.monotonic() - began >= 1


def test_a_wait_beyond_our_time_is_told_and_nobody_waits(case: Case) -> None:
    case.service.troubles = ["429:600"]
    error = raised(case)
    assert isinstance(error, BusError)
    assert "it asks us to wait for 600 s" in str(error)
    assert len(case.service.asked) == 1


@pytest.mark.parametrize("trouble", ["429", "502", "503", "504", "drop", "half"])
def test_what_does_not_pass_is_given_up_after_three_tries(case: Case, trouble: str) -> None:
    case.service.troubles = [trouble] * 9
    assert isinstance(raised(case), BusError)
    assert len(case.service.asked) == 3


@pytest.mark.parametrize(
    ("status", "kind"), [("400", SettingsError), ("401", SettingsError), ("403", SettingsError), ("500", BusError)]
)
def test_what_asking_again_does_not_change_is_asked_once(case: Case, status: str, kind: type[AiopsError]) -> None:
    case.service.troubles = [status]
    error = raised(case)
    assert isinstance(error, kind)
    assert f"no: {status}" in str(error)
    assert len(case.service.asked) == 1


def test_a_token_that_is_not_accepted_is_a_matter_of_settings(case: Case) -> None:
    error = raised(case, token="another-token")
    assert isinstance(error, SettingsError)
    assert "the token" in str(error)
    assert "another-token" not in str(error)


def test_a_server_that_does_not_answer_is_left_in_time(case: Case) -> None:
    case.service.troubles = ["hang"] * 3
    began = time.monotonic()
    error = raised(case, seconds=1.0)
    assert isinstance(error, BusError)
    assert "within" in str(error)
    assert time.monotonic() - began < 30


def test_a_value_that_is_not_there_or_no_json_is_none_for_the_site() -> None:
    with ExitStack() as stack:
        case = kv_get(stack)
        case.service.troubles = ["404", "html"]  # what we push mends both
        assert case.call() is None
        assert case.call() is None


@pytest.mark.parametrize(
    ("make", "trouble"),
    [(make, trouble) for make in (forgejo, netbox, kv_put) for trouble in ("404", "html")]
    + [(netbox, "409"), (kv_put, "409"), (kv_get, "409")],
)
def test_what_cannot_be_used_is_a_matter_of_settings(make: Callable[[ExitStack], Case], trouble: str) -> None:
    with ExitStack() as stack:
        case = make(stack)
        case.service.troubles = [trouble]
        assert isinstance(raised(case), SettingsError)


def test_mirrors_forks_empty_and_quiet_repositories_are_no_work_of_ours() -> None:
    known = [
        repository("me/lab"),
        repository("me/copy", mirror=True),
        repository("me/theirs", fork=True),
        repository("me/blank", empty=True),
        repository("me/quiet", updated_at=OLD),
        repository("me/new"),
    ]
    many = [commit(YOUNG)] * 73 + [commit(OLD)] * 60
    speaks = real.Forgejo(known, {"me/lab": many, "me/new": []}, allowed=20)
    with serving(Service(speaks, real.forgejo_refusal)) as service:
        assert ForgejoCommits(api(service, "token", TOKEN, 10)).commits_since(SINCE) == 73
        lists = [one for one in service.asked if one.path.endswith("/lab/commits")]
        assert len(lists) == 5  # four pages with young commits, one that has none
        assert {one.query["stat"] for one in lists} == {"false"}


def test_named_repositories_are_counted_and_one_that_is_gone_is_named() -> None:
    speaks = real.Forgejo([], {"me/lab": [commit(YOUNG)], "me/blank": []})
    with serving(Service(speaks, real.forgejo_refusal)) as service:
        way = api(service, "token", TOKEN, 10)
        assert ForgejoCommits(way, ["me/lab", "me/blank"]).commits_since(SINCE) == 1
        with pytest.raises(SettingsError, match="me/gone/commits"):
            ForgejoCommits(way, ["me/gone"]).commits_since(SINCE)


@pytest.mark.parametrize("row", [{}, {"created": "yesterday"}, {"created": "2026-11-20T10:00:00"}])
def test_a_commit_in_another_form_than_published_is_told(row: dict[str, Any]) -> None:
    speaks = real.Forgejo([], {"me/lab": [row]})
    with serving(Service(speaks, real.forgejo_refusal)) as service, pytest.raises(SettingsError, match="created"):
        ForgejoCommits(api(service, "token", TOKEN, 10), ["me/lab"]).commits_since(SINCE)


def test_pages_without_end_are_left() -> None:
    def endless(_: real.Asked) -> real.Answer:
        return 200, json.dumps([commit(YOUNG)]).encode()

    with serving(Service(endless, real.forgejo_refusal)) as service, pytest.raises(SettingsError, match="do not come"):
        ForgejoCommits(api(service, "token", TOKEN, 10), ["me/lab"]).commits_since(SINCE)
