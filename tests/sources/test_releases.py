"""Release feeds over real HTTP: a server that speaks the published schema, and what it may do to us."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aiops.adapters.json_api import JsonApi
from aiops.adapters.release_feed import Form, Pauses, ReleaseFeed
from aiops.bootstrap.witnesses import witnesses
from aiops.domain.release import version
from aiops.domain.testimony import Release
from aiops.errors import BusError, SettingsError
from aiops.settings import Application, Releases, Settings


@dataclass
class Forge:
    """What it answers by path, and what it was asked."""

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""

    def says(self, path: str, what: Any, status: int = 200, **headers: str) -> None:
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.answers[path] = (status, {name.replace("_", "-"): text for name, text in headers.items()}, body)


@contextmanager
def forge() -> Iterator[Forge]:
    speaking = Forge()

    class Speaker(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            speaking.asked.append((self.path, {name.lower(): text for name, text in self.headers.items()}))
            status, headers, body = speaking.answers.get(self.path.partition("?")[0], (404, {}, b"{}"))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaker)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    speaking.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield speaking
    finally:
        server.shutdown()
        server.server_close()


def release(tag: str, **more: Any) -> dict[str, Any]:
    """The fields both forges publish for a release."""
    page = f"https://forge.example.org/o/n/releases/tag/{tag}"
    shown = {"tag_name": tag, "name": tag, "draft": False, "prerelease": False, "html_url": page}
    return shown | {"published_at": "2026-11-20T10:00:00Z"} | more


def feed(of: Forge, form: Form = "github", clock: Callable[[], float] = lambda: 0.0, **more: Any) -> ReleaseFeed:
    return ReleaseFeed(JsonApi("it", f"{of.url}/repos/o/n"), form, Pauses(clock), **more)


RELEASES = "/repos/o/n/releases"


@pytest.mark.parametrize(
    ("text", "numbers", "word"),
    [
        ("v12.0.1", (12, 0, 1), "final"),
        ("version/2026.2.1", (2026, 2, 1), "final"),
        ("1:12.0.1-1+b1", (12, 0, 1), "final"),
        ("12.0.1+gitea-1.22.0", (12, 0, 1), "final"),
        ("v1.80.0-stable.1", (1, 80), "final"),
        ("v1.2.0-rc1", (1, 2), "trial"),
        ("0.24.0~beta.1-1", (0, 24), "trial"),
        ("2024.9.0b1", (2024, 9), "trial"),
        ("v1.0.0-arm64", (1,), "final"),
    ],
)
def test_a_version_is_read_as_makers_and_distributions_write_it(text: str, numbers: tuple[int, ...], word: str) -> None:
    found = version(text)
    assert found is not None
    assert (found.numbers, "trial" if found.trial else "final") == (numbers, word)


def test_versions_are_ordered_by_number_and_a_candidate_comes_before_its_release() -> None:
    texts = ["v0.9.0", "v1.0.0-beta.2", "v1.0.0-rc1", "v1.0.0-rc10", "1.0", "v1.0.1", "v1.9", "v1.10"]
    read = [found for text in texts if (found := version(text))]
    assert len(read) == len(texts)
    assert [found.text for found in sorted(set(read))] == texts
    assert version("1.0.0") == version("v1.0")
    assert version("nightly") is None


def test_the_highest_finished_release_counts_whatever_was_published_last() -> None:
    with forge() as it:
        rows = [
            release("v11.0.9", published_at="2026-11-22T00:00:00Z"),  # an old branch
            release("v13.0.0-rc1"),
            release("v12.0.4", prerelease=True),
            release("v12.0.3", draft=True),
            release("v12.0.2"),
            release("nightly"),
        ]
        it.says(RELEASES, rows)
        assert feed(it).newest().version.text == "v12.0.2"
        assert feed(it, "forgejo").newest().page.endswith("/v12.0.2")
        assert feed(it, prereleases=True).newest().version.text == "v13.0.0-rc1"


def test_an_atom_feed_is_read() -> None:
    entry = "<entry><title>{0}</title><updated>2026-11-20T10:00:00Z</updated><link href='https://f/tag/{0}'/></entry>"
    feeds = "<feed xmlns='http://www.w3.org/2005/Atom'><title>Releases</title>{}</feed>"
    with forge() as it:
        it.says("/repos/o/n", feeds.format(entry.format("v3.1.0-rc2") + entry.format("v3.0.9")).encode())
        assert feed(it, "atom").newest().version.text == "v3.0.9"


def test_an_answer_that_has_not_changed_is_not_sent_again() -> None:
    with forge() as it:
        it.says(RELEASES, [release("v1.0")], ETag='"one"')
        asking = feed(it)
        assert asking.newest() == asking.newest()
        assert "if-none-match" not in it.asked[0][1]
        assert it.asked[1][1]["if-none-match"] == '"one"'
        it.says(RELEASES, [release("v1.1")], ETag='"two"')
        assert asking.newest().version.text == "v1.1"


@pytest.mark.parametrize(
    ("status", "headers", "until"),
    [
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1900"}, 1900),
        (429, {"Retry_After": "600"}, 1600),
        (429, {"Retry_After": "Thu, 01 Jan 1970 00:30:00 GMT"}, 1800),
        (503, {"Retry_After": "600"}, 1600),
        (429, {}, 1060),
        (429, {"Retry_After": "99999999999"}, 1000 + 86400),
    ],
)
def test_a_server_that_asks_us_to_wait_is_not_asked_until_then(
    status: int, headers: dict[str, str], until: float
) -> None:
    now = [1000.0]
    with forge() as it:
        it.says(RELEASES, {"message": "limit"}, status, **headers)
        asking = feed(it, clock=lambda: now[0])
        with pytest.raises(BusError):
            asking.newest()
        it.says(RELEASES, [release("v1.0")])
        now[0] = until - 1
        with pytest.raises(BusError, match="asked us to wait"):
            asking.newest()
        assert len(it.asked) == 1
        now[0] = until + 1
        assert asking.newest().version.text == "v1.0"


def test_the_last_request_that_is_allowed_is_used_and_no_other_feed_of_that_server_is_asked() -> None:
    pauses = Pauses(lambda: 1000.0)
    with forge() as it:
        it.says(RELEASES, [release("v1.0")], X_RateLimit_Remaining="0", X_RateLimit_Reset="2000")
        api = JsonApi("it", f"{it.url}/repos/o/n")
        assert ReleaseFeed(api, "github", pauses).newest().version.text == "v1.0"
        with pytest.raises(BusError, match="00:33 UTC"):
            ReleaseFeed(api, "github", pauses).newest()


@pytest.mark.parametrize(
    ("form", "body", "wanted"),
    [
        ("github", [], "no release"),
        ("github", {"message": "Moved"}, "list of objects"),
        ("github", [{"name": "v1"}], "tag_name"),
        ("github", [release("v1.0", draft="yes")], "draft"),
        ("github", b"<html>", "no JSON"),
        ("atom", b"<html/>", "no Atom feed"),
        ("atom", b"<feed", "no Atom feed"),
        ("atom", b"\xff\xfe", "no Atom feed"),
        ("atom", b"<!DOCTYPE x [<!ENTITY a 'b'>]><feed xmlns='http://www.w3.org/2005/Atom'/>", "document type"),
    ],
)
def test_an_answer_of_another_form_is_a_reason_and_never_the_absence_of_releases(
    form: Form, body: Any, wanted: str
) -> None:
    with forge() as it:
        it.says("/repos/o/n" if form == "atom" else RELEASES, body)
        with pytest.raises(SettingsError, match=wanted):
            feed(it, form).newest()


def settings(it: Forge, *applications: dict[str, Any]) -> Settings:
    made = [{"feed": f"{it.url}/repos/o/n", "package": "forgejo", "host": "ct203"} | one for one in applications]
    return Settings(releases=Releases(applications=tuple(Application(**one) for one in made)))


def test_the_settings_ask_once_a_sweep_with_the_token_and_one_dead_feed_hides_no_other(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with forge() as it:
        it.says(RELEASES, [release("v12.0.2")])
        it.says("/api/v1/version", {"version": "12.0.1+gitea-1.22.0"})
        witness = witnesses(
            settings(
                it,
                {"name": "forgejo", "form": "forgejo", "token_file": token},
                {"name": "itself", "package": "", "version_url": f"{it.url}/api/v1/version"},
                {"name": "gone", "feed": f"{it.url}/repos/o/gone"},
            )
        )["releases"]
        said = witness.ask("newest", "sweep")
        assert witness.ask("newest", "sweep") is said
    told = {one.application: one for one in said.told if isinstance(one, Release)}
    assert (told["forgejo"].newest, told["forgejo"].package, told["forgejo"].machine.name) == (
        "v12.0.2",
        "forgejo",
        "ct203",
    )
    assert told["itself"].running == "12.0.1+gitea-1.22.0"
    assert "404" in told["gone"].problem
    assert sum(path.startswith(RELEASES) for path, _ in it.asked) == 2
    assert [seen["authorization"] for _, seen in it.asked if "authorization" in seen] == ["token s3cret"]


def test_when_no_feed_answers_it_is_one_trouble_and_not_one_for_each_application() -> None:
    with forge() as it:
        it.says(RELEASES, {}, 503)
        said = witnesses(settings(it, {"name": "one"}, {"name": "two"}))["releases"].ask("newest", "sweep")
    assert said.told == ()
    assert [(gap.wide, "no feed of releases answers" in gap.reason) for gap in said.gaps] == [(True, True)]


@pytest.mark.parametrize("wrong", [{}, {"package": "a", "version_url": "http://a"}])
def test_where_the_running_version_is_found_is_said_in_exactly_one_way(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="either package or version_url"):
        Application(name="one", host="ct1", feed="https://forge.example.org/api/v1/repos/o/n", **wrong)
