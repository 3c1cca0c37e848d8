"""A folder instead of a network."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.adapters.llm_prompt import prompt_for
from aiops.adapters.memory_provider_state import MemoryProviderState
from aiops.adapters.offline_provider import OfflineProvider
from aiops.adapters.provider_chain import ProviderChain
from aiops.errors import ProviderError, ThinkerError
from aiops.settings import Settings
from tests.llm.questions import answer, finding, question
from tests.servers import free_port

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_prompt_is_written_once_and_its_answer_is_the_verdict_whenever_it_is_asked(tmp_path: Path) -> None:
    folder, asked = tmp_path / "prompts", question()
    chain = ProviderChain([OfflineProvider("offline", folder)], MemoryProviderState())
    with pytest.raises(ThinkerError, match="nobody has answered yet"):
        chain.judge(asked)
    (written,) = folder.iterdir()
    assert written.name == f"{prompt_for(asked).key}.prompt.json"
    text = written.read_text(encoding="utf-8")
    content = json.loads(text)
    assert [message["role"] for message in content["messages"]] == ["system", "user"]
    assert "reinstall_package" in content["schema"]["properties"]["playbook"]["enum"]

    (folder / f"{content['key']}.answer.json").write_text(answer(asked), encoding="utf-8")
    verdict = chain.judge(asked)
    assert (verdict.action, verdict.source) == ("remediate", "llm:offline/offline")
    assert verdict.attempts[0].cost == 0.0
    assert written.read_text(encoding="utf-8") == text


def test_a_missing_answer_does_not_keep_the_other_questions_from_being_written(tmp_path: Path) -> None:
    chain = ProviderChain([OfflineProvider("offline", tmp_path)], MemoryProviderState())
    for number in range(20):
        with pytest.raises(ThinkerError):
            chain.judge(question(finding(f"package-{number}")))
    assert len(list(tmp_path.glob("*.prompt.json"))) == 20
    assert list(tmp_path.glob("*.new")) == []


@pytest.mark.parametrize(
    ("content", "trouble"), [(b"\xff\xfe", "invalid"), (b"", "invalid"), (b"I would restart it.", "invalid")]
)
def test_an_answer_that_is_none_is_a_failure_like_any_other(tmp_path: Path, content: bytes, trouble: str) -> None:
    asked = question()
    (tmp_path / f"{prompt_for(asked).key}.answer.json").write_bytes(content)
    with pytest.raises(ThinkerError) as raised:
        ProviderChain([OfflineProvider("offline", tmp_path)], MemoryProviderState()).judge(asked)
    assert raised.value.attempts[0].outcome == trouble


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProviderError, match="file"):
        OfflineProvider("offline", tmp_path / "file" / "folder").ask(prompt_for(question()), 1)


def test_the_settings_alone_make_an_offline_thinker_that_needs_no_network_and_no_redis(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "llm": {"providers": [{"name": "offline", "folder": tmp_path}]},
            "redis": {"url": f"redis://127.0.0.1:{free_port()}/0"},
        }
    )
    asked = question()
    (tmp_path / f"{prompt_for(asked).key}.answer.json").write_text(answer(asked), encoding="utf-8")
    assert bootstrap.thinker(settings).judge(asked).action == "remediate"
