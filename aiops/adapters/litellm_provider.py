"""One LLM provider, by litellm: one try, one deadline."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiops.adapters.background_loop import BackgroundLoop
from aiops.adapters.llm_prompt import Prompt
from aiops.adapters.provider_chain import ANSWER_TOKENS, Price, Reply
from aiops.domain.verdict import Trouble
from aiops.errors import ProviderError, SettingsError

_NO_MONEY: Final = re.compile(r"insufficient|balance|billing|payment|credit", re.IGNORECASE)
"""How providers say with 429 that the account is empty, which no waiting mends."""
_NO_JSON: Final = re.compile(r"\(char \d+\)|json response|valid response block|has no attribute", re.IGNORECASE)
"""How litellm says, often as a 500 of its own, that the provider's body could not be read."""


class LiteLlmProvider:
    """A ``Provider``: whatever litellm can reach, and any OpenAI-compatible endpoint (``openai/<model>`` with a base)."""

    def __init__(
        self,
        name: str,
        model: str,
        loop: BackgroundLoop,
        *,
        api_base: str = "",
        key_file: Path | None = None,
        price: Price | None = None,
        seconds: float = 0.0,
    ) -> None:
        """``model`` as litellm names it (``groq/openai/gpt-oss-120b``). Without ``price`` litellm's price list is asked.

        Imports litellm, which takes seconds and 100 MB: only the triage worker makes one of these.

        :raises SettingsError: the key file cannot be read, or litellm is not installed
        """
        self.name, self.model, self.seconds = name, model, seconds
        self._loop, self._api_base = loop, api_base
        try:
            self._key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(str(key_file), f"the key of {name} cannot be read: {error}") from None
        self._litellm = _litellm()
        self.price = price or _listed(self._litellm.model_cost.get(model))

    def ask(self, prompt: Prompt, seconds: float) -> Reply:
        """See ``Provider``."""
        # litellm's own timeout is per read: bytes that drip keep it waiting for ever. This one is for the whole.
        try:
            return self._loop.run(self._answer(prompt, seconds), seconds)
        except TimeoutError:
            raise ProviderError("timeout", f"no answer within {seconds:.1f} s") from None
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # The boundary to litellm: besides its own errors it lets through openai's, httpx's and plain mistakes of its
            # provider modules, and whatever it is, the loop must work with every provider dead.
            raise self._failure(error) from None

    async def _answer(self, prompt: Prompt, seconds: float) -> Reply:
        response = await self._litellm.acompletion(
            model=self.model,
            api_base=self._api_base or None,
            # An endpoint of our own may want none, but the client insists on one.
            api_key=self._key or "none",
            messages=prompt.messages,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": prompt.schema},
            },
            temperature=0,
            max_tokens=ANSWER_TOKENS,
            timeout=seconds,
            # Both: one is litellm's, the other the openai client's below it, and each would make three tries.
            num_retries=0,
            max_retries=0,
            # A provider that knows no schema gets none; what comes back is checked in any case.
            drop_params=True,
        )
        usage = getattr(response, "usage", None)
        tokens = (int(getattr(usage, name, 0) or 0) for name in ("prompt_tokens", "completion_tokens"))
        content = response.choices[0].message.content if response.choices else None
        return Reply(content if isinstance(content, str) else "", *tokens)

    def _failure(self, error: Exception) -> ProviderError:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        if self._key:
            text = text.replace(self._key, "***")
        trouble = _trouble(error, text)
        return ProviderError(trouble, text[:400], _retry_after(error) if trouble == "rate_limit" else None)


def _trouble(error: Exception, text: str) -> Trouble:
    status = getattr(error, "status_code", None)
    if status == 429:  # noqa: PLR2004 - HTTP
        return "account" if _NO_MONEY.search(text) else "rate_limit"
    if _NO_JSON.search(text):
        return "invalid"
    if status in {408, 504}:
        return "timeout"
    # 400, 401, 402, 403, 404: the request itself is not welcome, and asking again will not change that.
    return "account" if isinstance(status, int) and 400 <= status < 500 else "unavailable"  # noqa: PLR2004 - HTTP


def _retry_after(error: Exception) -> float | None:
    """What the provider's header says, in seconds; None when it is missing or no number."""
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        value = headers.get("retry-after", "") if isinstance(headers, Mapping) else ""
        if re.fullmatch(r"\d{1,6}(\.\d+)?", str(value)):
            return max(1.0, float(value))
    return None


def _listed(entry: Any) -> Price | None:
    """The list's price. A model listed for nothing is one whose price the list does not know."""
    if not isinstance(entry, dict):
        return None
    tokens_in, tokens_out = (float(entry.get(f"{side}_cost_per_token") or 0) for side in ("input", "output"))
    return Price(tokens_in * 1e6, tokens_out * 1e6) if tokens_in or tokens_out else None


def _litellm() -> Any:
    # Before the import: without them it fetches its price list from the internet and reads a .env file.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    try:
        import litellm  # noqa: PLC0415 - see __init__
    except ImportError as error:
        raise SettingsError("llm", "litellm is not installed: pip install 'aiops[triage]'") from error
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm
