"""Forgejo's API of the tests against the published one: no path, parameter or field is invented."""

import json

from aiops.adapters.forgejo import _LEAN
from tests.contracts.http_services import commit, forgejo_refusal, repository
from tests.reference import FOLDER

PUBLISHED = FOLDER / "specs" / "forgejo" / "swagger.v1.json"


def test_what_the_adapter_asks_for_and_what_the_test_server_answers_are_published() -> None:
    published = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    assert published["basePath"] == "/api/v1"
    for path, asked in (("/user/repos", set()), ("/repos/{owner}/{repo}/commits", set(_LEAN))):
        known = published["paths"][path]["get"]
        assert asked | {"page", "limit"} <= {parameter["name"] for parameter in known["parameters"]}
    assert "409" in published["paths"]["/repos/{owner}/{repo}/commits"]["get"]["responses"]
    fields = {name: published["definitions"][name]["properties"] for name in ("Repository", "Commit", "APIError")}
    assert set(repository("me/lab")) <= set(fields["Repository"])
    assert set(commit("2026-11-20T10:00:00Z")) <= set(fields["Commit"])
    assert set(json.loads(forgejo_refusal(404))) <= set(fields["APIError"])
    assert fields["Commit"]["created"]["format"] == fields["Repository"]["updated_at"]["format"] == "date-time"
