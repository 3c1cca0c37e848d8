"""One real provider against a server that speaks its wire format."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.litellm_provider import LiteLlmProvider
from aiops.adapters.llm_prompt import prompt_for
from aiops.adapters.provider_chain import Price
from aiops.errors import ProviderError, SettingsError
from tests.llm.conftest import CHAIN, KEY
from tests.llm.provider import Provider
from tests.llm.questions import answer, question
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
WIRES = ("openai", *CHAIN)

pytestmark = [
    pytest.mark.litellm,
    # litellm's and its dependencies' own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:pydantic"),
]


@pytest.mark.parametrize("wire", WIRES)
def test_every_wire_format_brings_text_and_tokens_and_carries_key_and_schema(
    wire: str, servers: dict[str, Provider], real: dict[str, LiteLlmProvider]
) -> None:
    asked = question()
    servers[wire].content = answer(asked)
    reply = real[wire].ask(prompt_for(asked), 10)
    assert (reply.text, reply.tokens_in, reply.tokens_out) == (answer(asked), 1000, 100)
    (sent,) = servers[wire].requests
    assert servers[wire].keys[0].endswith(KEY)
    assert "reinstall_package" in str(sent.get("response_format") or sent["generationConfig"])
    assert "wazuh-manager" in servers[wire].prompt(sent)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (400, "account"),
        (401, "account"),
        (402, "account"),
        (404, "account"),
        (429, "rate_limit"),
        (500, "unavailable"),
        (503, "unavailable"),
    ],
)
def test_an_error_is_one_try_has_a_class_and_never_shows_the_key(
    wire: str, status: int, trouble: str, servers: dict[str, Provider], real: dict[str, LiteLlmProvider]
) -> None:
    servers[wire].status = status
    servers[wire].body = f'{{"error": {{"message": "the key {KEY} is not welcome", "type": "x", "code": {status}}}}}'
    with pytest.raises(ProviderError) as raised:
        real[wire].ask(prompt_for(question()), 10)
    assert raised.value.trouble == trouble
    assert raised.value.rest == (20.0 if status == 429 else None)
    assert len(servers[wire].requests) == 1
    assert KEY not in str(raised.value)
    assert KEY not in repr(raised.value)


def test_a_429_that_speaks_of_money_is_an_empty_account(llm: Provider, real: dict[str, LiteLlmProvider]) -> None:
    llm.status, llm.body = 429, '{"error": {"message": "insufficient_quota: check your plan and billing"}}'
    with pytest.raises(ProviderError) as raised:
        real["openai"].ask(prompt_for(question()), 10)
    assert (raised.value.trouble, raised.value.rest) == ("account", None)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("body", ["<html>gateway</html>", '{"choices": [', ""], ids=["html", "half a body", "no body"])
def test_a_body_that_is_no_json_is_an_invalid_answer(
    wire: str, body: str, servers: dict[str, Provider], real: dict[str, LiteLlmProvider]
) -> None:
    servers[wire].body = body
    with pytest.raises(ProviderError) as raised:
        real[wire].ask(prompt_for(question()), 10)
    assert raised.value.trouble == "invalid"


@pytest.mark.parametrize("body", ['{"choices": []}', '{"id": "1", "choices": [{"message": {"content": null}}]}'])
def test_an_answer_without_choices_or_text_is_an_empty_reply(
    body: str, llm: Provider, real: dict[str, LiteLlmProvider]
) -> None:
    llm.body = body
    assert real["openai"].ask(prompt_for(question()), 10).text == ""


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_provider_that_hangs_or_drips_costs_the_deadline_and_no_more(
    mode: str, llm: Provider, real: dict[str, LiteLlmProvider]
) -> None:
    asked = question()
    llm.mode, llm.content = mode, answer(asked)
    began = time.monotonic()
    with pytest.raises(ProviderError, match=r"no answer within 0\.6 s") as raised:
        real["openai"].ask(prompt_for(asked), 0.6)
    assert raised.value.trouble == "timeout"
    assert 0.5 < time.monotonic() - began < 1.5
    llm.mode = "answer"
    assert real["openai"].ask(prompt_for(asked), 10).text == answer(asked)


@pytest.mark.parametrize("wire", WIRES)
def test_a_provider_that_is_not_there_is_said_at_once(
    wire: str, loop: BackgroundLoop, servers: dict[str, Provider]
) -> None:
    gone = LiteLlmProvider(wire, servers[wire].model, loop, api_base=f"http://127.0.0.1:{free_port()}/v1")
    began = time.monotonic()
    with pytest.raises(ProviderError) as raised:
        gone.ask(prompt_for(question()), 10)
    assert raised.value.trouble == "unavailable"
    assert time.monotonic() - began < 2


def test_prices_come_from_the_settings_then_from_litellms_list_and_are_else_unknown(
    loop: BackgroundLoop, real: dict[str, LiteLlmProvider]
) -> None:
    assert real["minimax"].price == Price(pytest.approx(0.3), pytest.approx(1.2))
    assert real["gemini"].price == Price(pytest.approx(0.3), pytest.approx(2.5))
    assert real["openrouter"].price is None
    assert LiteLlmProvider("x", "openrouter/a/b", loop, price=Price(0, 0)).price == Price(0, 0)


def test_many_threads_ask_at_once_and_no_thread_is_left(llm: Provider) -> None:
    asked = question()
    llm.content = answer(asked)
    own = BackgroundLoop()
    one = LiteLlmProvider("openai", llm.model, own, api_base=llm.base)
    texts: list[str] = []
    threads = [threading.Thread(target=lambda: texts.append(one.ask(prompt_for(asked), 10).text)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == [answer(asked)] * 5
    thread_of_loop = own._thread
    own.close()
    assert thread_of_loop is not None
    assert not thread_of_loop.is_alive()


def test_a_loop_that_is_stuck_is_left_behind_and_the_next_question_gets_a_new_one() -> None:
    async def stuck() -> None:
        time.sleep(1.0)  # noqa: ASYNC251 - what a library that blocks the loop does

    async def well() -> str:
        return "well"

    own = BackgroundLoop()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        own.run(stuck(), 0.1)
    assert own.run(well(), 1.0) == "well"
    assert time.monotonic() - began < 0.9
    own.close()


def test_a_missing_key_file_is_a_mistake_in_the_settings(tmp_path: Path, loop: BackgroundLoop) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        LiteLlmProvider("openai", "openai/stub", loop, key_file=tmp_path / "nowhere")


def test_the_modules_alone_do_not_load_litellm() -> None:
    code = (
        "import sys, aiops.bootstrap, aiops.adapters.litellm_provider, aiops.adapters.provider_chain, tasks.cli.cost;"
        "assert 'litellm' not in sys.modules and 'openai' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
