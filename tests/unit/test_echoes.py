"""A server that repeats what it was shown: our secret is taken out of its answer, and nothing else is."""

import pytest

from aiops.adapters.echoes import without_echo


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer 0123456789abcdef",
        "Token 0123456789abcdef",
        "PVEAPIToken=aiops@pve!look=0123456789abcdef",
        "PBSAPIToken=aiops@pbs!look:0123456789abcdef",
    ],
)
def test_the_credential_that_was_sent_is_in_no_answer(shown: str) -> None:
    said = without_echo(f"401: you said {shown}, that is 0123456789abcdef".encode(), {"authorization": shown})
    assert b"0123456789abcdef" not in said
    assert said.startswith(b"401: you said ")


@pytest.mark.parametrize("shown", [{}, {"Accept": "application/json"}, {"Authorization": ""}, {"Authorization": "x a"}])
def test_an_answer_without_our_secret_is_left_as_it_is(shown: dict[str, str]) -> None:
    assert without_echo(b"a json with a word", shown) == b"a json with a word"
