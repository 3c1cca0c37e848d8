"""One server per wire format for all tests of this folder; litellm is imported once."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.litellm_provider import LiteLlmProvider
from aiops.adapters.llm_prompt import prompt_for
from tests.llm.provider import Provider, provider
from tests.llm.questions import question

KEY = "sk-test-0123456789"
CHAIN = ("minimax", "gemini", "groq", "openrouter")


@pytest.fixture(scope="session")
def running() -> Iterator[dict[str, Provider]]:
    with ExitStack() as stack:
        yield {wire: stack.enter_context(provider(wire)) for wire in ("openai", *CHAIN)}


@pytest.fixture
def servers(running: dict[str, Provider]) -> dict[str, Provider]:
    for server in running.values():
        server.reset()
    return running


@pytest.fixture
def llm(servers: dict[str, Provider]) -> Provider:
    return servers["openai"]


@pytest.fixture(scope="session")
def loop() -> Iterator[BackgroundLoop]:
    made = BackgroundLoop()
    yield made
    made.close()


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key"
    path.write_text(f"{KEY}\n")
    return path


@pytest.fixture(scope="session")
def warm(running: dict[str, Provider], loop: BackgroundLoop) -> None:
    """litellm loads half of itself at its first call; that is no provider's fault."""
    for wire in CHAIN:
        running[wire].content = "warm"
        LiteLlmProvider(wire, running[wire].model, loop, api_base=running[wire].base).ask(prompt_for(question()), 60)


@pytest.fixture
def real(warm: None, servers: dict[str, Provider], loop: BackgroundLoop, key_file: Path) -> dict[str, LiteLlmProvider]:
    """The real providers, each pointed at its server."""
    return {
        wire: LiteLlmProvider(wire, server.model, loop, api_base=server.base, key_file=key_file)
        for wire, server in servers.items()
    }
