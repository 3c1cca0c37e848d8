"""Secrets in what Semaphore's tasks print."""

import pytest

from aiops.condense.scrub import scrub


@pytest.mark.parametrize(
    "text",
    [
        "password=SECRET1",
        "DB_PASSWORD: SECRET1",
        '{"api_key": "SECRET1"}',
        "export GITHUB_TOKEN='SECRET1'",
        "client-secret = SECRET1",
        "Authorization: Bearer SECRET1",
        "authorization: basic SECRET1",
        "postgres://user:SECRET1@db/x",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nSECRET1\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nSECRET1 and the rest is cut",
    ],
)
def test_what_is_written_like_a_secret_is_hidden(text: str) -> None:
    assert "SECRET1" not in scrub(f"before\n{text}")
    assert scrub(f"before\n{text}").startswith("before\n")


def test_a_known_secret_is_hidden_wherever_it_stands() -> None:
    assert scrub("x=abcdef123 abcdef123", ["abcdef123"]) == "x=[secret] [secret]"


@pytest.mark.parametrize(
    "text",
    [
        "tokens were counted",
        "the password was changed",
        "https://example.org:8443/x",
        "+hello",
        "a secret",
        "ok=1 changed=2",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert scrub(text, ["ok", ""]) == text


def test_scrubbing_twice_changes_nothing_more() -> None:
    once = scrub("password=abc Authorization: Bearer abcdefgh https://u:p@h")
    assert scrub(once) == once
