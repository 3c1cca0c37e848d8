"""CT190, the thinking side."""

from typing import Any

from aiops.bootstrap.for_mcp import mcp_tools
from aiops.bootstrap.shared import events
from aiops.errors import UnknownError
from aiops.ports import (
    ProviderState,
    Thinker,
    TriageServices,
)
from aiops.settings import LlmProvider, Settings, credential


def triage(settings: Settings) -> TriageServices:
    """CT190, the thinking side: a model, and nothing to decide with."""
    return TriageServices(thinker=thinker(settings), events=events(settings), tools=mcp_tools(settings))


def thinker(settings: Settings) -> Thinker:
    """The chain of LLM providers, or none.

    :raises SettingsError: a key cannot be read, or litellm is needed and not installed
    """
    from aiops.adapters.redis_provider_state import RedisProviderState  # noqa: PLC0415

    return _thinker(settings, RedisProviderState(settings.redis.full_url()))


def one_thinker(settings: Settings, name: str) -> Thinker:
    """One provider of the chain by itself, which shares nothing with the triage processes: for a replay.

    :raises UnknownError: no such provider
    :raises SettingsError: as ``thinker``
    """
    from aiops.adapters.memory_provider_state import MemoryProviderState  # noqa: PLC0415

    chosen = tuple(one for one in settings.llm.chain() if one.name == name)
    if not chosen:
        names = ", ".join(one.name for one in settings.llm.chain()) or "none"
        raise UnknownError("provider", name, f"configured: {names}")
    llm = settings.llm.model_copy(update={"providers": chosen, "model": ""})
    return _thinker(settings.model_copy(update={"llm": llm}), MemoryProviderState())


def _thinker(settings: Settings, state: ProviderState) -> Thinker:
    llm = settings.llm
    if not llm.chain():
        from aiops.adapters.null_thinker import NullThinker  # noqa: PLC0415

        return NullThinker()
    from aiops.adapters.background_loop import BackgroundLoop  # noqa: PLC0415
    from aiops.adapters.provider_chain import Limits, ProviderChain  # noqa: PLC0415

    loop = BackgroundLoop()
    return ProviderChain(
        [_provider(one, loop) for one in llm.chain()],
        state,
        Limits(llm.deadline, llm.seconds, llm.budget(), llm.eur_per_dollar),
        language=llm.language,
    )


def _provider(one: LlmProvider, loop: Any) -> Any:
    if one.folder:
        from aiops.adapters.offline_provider import OfflineProvider  # noqa: PLC0415

        return OfflineProvider(one.name, one.folder, model=one.model, seconds=one.seconds)
    from aiops.adapters.litellm_provider import LiteLlmProvider  # noqa: PLC0415
    from aiops.adapters.provider_chain import Price  # noqa: PLC0415

    priced = one.dollars_in is not None and one.dollars_out is not None
    return LiteLlmProvider(
        one.name,
        one.litellm_model,
        loop,
        api_base=one.api_base,
        key_file=credential(one.key_file) if one.key_file else None,
        price=Price(one.dollars_in or 0, one.dollars_out or 0) if priced else None,
        seconds=one.seconds,
    )
