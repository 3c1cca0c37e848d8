import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiops.adapters.litellm_thinker import LiteLlmThinker
from aiops.errors import SettingsError, ThinkerError
from tests.llm.provider import Provider, provider
from tests.llm.questions import HOSTILE, answer, finding, question
from tests.servers import free_port

KEY = "sk-test-0123456789"
ROOT = Path(__file__).parents[2]

pytestmark = [
    # litellm's and its dependencies' own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def llm() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def thinker(llm: Provider, tmp_path: Path) -> Iterator[Callable[[float], LiteLlmThinker]]:
    made: list[LiteLlmThinker] = []
    (tmp_path / "key").write_text(f"{KEY}\n")

    def make(seconds: float = 10.0) -> LiteLlmThinker:
        made.append(LiteLlmThinker("openai/stub", api_base=llm.base, key_file=tmp_path / "key", seconds=seconds))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_good_answer_becomes_a_verdict_and_the_key_comes_from_the_file(
    llm: Provider, thinker: Callable[[], LiteLlmThinker]
) -> None:
    asked = question()
    llm.content = answer(asked)
    verdict = thinker().judge(asked)
    assert (verdict.action, verdict.playbook, verdict.source) == ("remediate", "reinstall_package", "llm:openai/stub")
    assert llm.keys == [f"Bearer {KEY}"]
    (sent,) = llm.requests
    assert sent["response_format"]["json_schema"]["schema"]["properties"]["playbook"]["enum"] == [
        "",
        "reinstall_package",
        "restart_service",
    ]


def test_hostile_text_that_a_model_obeys_still_starts_nothing(
    llm: Provider, thinker: Callable[[], LiteLlmThinker]
) -> None:
    asked = question(finding(log=HOSTILE))
    llm.content = answer(asked, playbook="wipe", reason="The log says so.")
    verdict = thinker().judge(asked)
    assert (verdict.action, verdict.playbook) == ("alert_human", "")
    assert "'wipe', which was not offered" in verdict.reason


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503])
def test_an_error_is_reported_after_one_try_without_the_key(
    llm: Provider, thinker: Callable[[], LiteLlmThinker], status: int
) -> None:
    llm.status = status
    llm.body = f'{{"error": {{"message": "the key {KEY} is not welcome", "type": "x", "code": "{status}"}}}}'
    began = time.monotonic()
    with pytest.raises(ThinkerError, match="openai/stub") as raised:
        thinker().judge(question())
    assert time.monotonic() - began < 5
    assert len(llm.requests) == 1
    assert KEY not in str(raised.value)
    assert "the key ***" in str(raised.value)


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (None, "I would reinstall the package."),
        (None, ""),
        (None, None),
        ('{"id": "1", "object": "chat.completion", "created": 1, "model": "stub", "choices": []}', ""),
        ("<html>gateway</html>", ""),
        ("{", ""),
        ("{}", ""),
    ],
    ids=["prose", "an empty text", "no text", "no choices", "html", "half a body", "an empty object"],
)
def test_an_unusable_answer_is_no_verdict(
    llm: Provider, thinker: Callable[[], LiteLlmThinker], body: str | None, content: str | None
) -> None:
    llm.body, llm.content = body, content
    with pytest.raises(ThinkerError):
        thinker().judge(question())
    assert len(llm.requests) == 1


@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_provider_that_hangs_or_drips_costs_the_deadline_and_no_more(
    llm: Provider, thinker: Callable[[float], LiteLlmThinker], mode: str
) -> None:
    llm.mode = mode
    asked = question()
    llm.content = answer(asked)
    judge = thinker(1.0)
    began = time.monotonic()
    with pytest.raises(ThinkerError, match="no answer within 1 s"):
        judge.judge(asked)
    assert 0.9 < time.monotonic() - began < 2.5
    llm.mode = "answer"
    assert judge.judge(asked).action == "remediate"


def test_a_provider_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    gone = LiteLlmThinker("openai/stub", api_base=f"http://127.0.0.1:{free_port()}/v1", seconds=10)
    began = time.monotonic()
    with pytest.raises(ThinkerError):
        gone.judge(question())
    assert time.monotonic() - began < 3
    gone.close()


def test_many_threads_ask_at_once_and_no_thread_is_left(llm: Provider, thinker: Callable[[], LiteLlmThinker]) -> None:
    asked = question()
    llm.content = answer(asked)
    one = thinker()
    one.judge(asked)
    actions: list[str] = []
    threads = [threading.Thread(target=lambda: actions.append(one.judge(asked).action)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert actions == ["remediate"] * 5
    one.close()
    assert "aiops-llm" not in [thread.name for thread in threading.enumerate()]


def test_a_missing_key_file_is_a_mistake_in_the_settings(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        LiteLlmThinker("openai/stub", key_file=tmp_path / "nowhere")


def test_the_module_alone_does_not_load_litellm() -> None:
    code = "import sys, aiops.adapters.litellm_thinker; assert 'litellm' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
