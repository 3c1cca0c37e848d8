"""One LLM provider, by litellm."""

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from aiops.adapters.litellm_answer import answer_schema, messages, verdict_from
from aiops.domain.verdict import Question, Verdict
from aiops.errors import SettingsError, ThinkerError

_TOKENS: Final = 2_000
"""Room for a reasoning model's thoughts; the answer itself takes a tenth."""
_GRACE: Final = 1.0


class LiteLlmThinker:
    """Port ``Thinker``: one provider, one try, one deadline. A chain of providers is made of several of these.

    Safe to call from many threads; after a fork the child makes its own.
    """

    def __init__(self, model: str, *, api_base: str = "", key_file: Path | None = None, seconds: float = 30.0) -> None:
        """``model`` as litellm names it (``groq/openai/gpt-oss-120b``). ``seconds`` is the whole time of a judgement.

        Imports litellm, which takes seconds and 100 MB: only the triage worker makes one of these.

        :raises SettingsError: the key file cannot be read, or litellm is not installed
        """
        self._model, self._api_base, self._seconds = model, api_base, seconds
        try:
            self._key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
        except OSError as error:
            raise SettingsError(str(key_file), str(error)) from error
        self._complete = _acompletion()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def judge(self, question: Question) -> Verdict:
        """See the port."""
        return verdict_from(self._ask(question), question, f"llm:{self._model}")

    def close(self) -> None:
        """End the thread."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(_GRACE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _ask(self, question: Question) -> str:
        # litellm's own timeout is per read: bytes that drip keep it waiting for ever. This one is for the whole.
        asking = self._submit(asyncio.wait_for(self._answer(question), self._seconds))
        try:
            return asking.result(self._seconds + _GRACE)
        except (TimeoutError, concurrent.futures.TimeoutError) as error:
            asking.cancel()
            raise ThinkerError(f"{self._model}: no answer within {self._seconds:g} s") from error
        except ThinkerError:
            raise
        except Exception as error:  # noqa: BLE001 - see below
            # The boundary to litellm: besides its own errors it lets through openai's, httpx's and plain mistakes of its
            # provider modules, and whatever it is, the loop must work with every provider dead.
            reason = f"{self._model}: {type(error).__name__}: {error}"
            raise ThinkerError(self._redacted(reason)) from None

    async def _answer(self, question: Question) -> str:
        response = await self._complete(
            model=self._model,
            api_base=self._api_base or None,
            api_key=self._key or None,
            messages=messages(question),
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "verdict", "strict": True, "schema": answer_schema(question)},
            },
            temperature=0,
            max_tokens=_TOKENS,
            timeout=self._seconds,
            # Both: one is litellm's, the other the openai client's below it, and each would make three tries.
            num_retries=0,
            max_retries=0,
            # A provider that knows no schema gets none; what comes back is checked in any case.
            drop_params=True,
        )
        if not response.choices:
            raise ThinkerError(f"{self._model}: an answer without choices")
        content = response.choices[0].message.content
        if not isinstance(content, str) or not content.strip():
            raise ThinkerError(f"{self._model}: an empty answer")
        return content

    def _redacted(self, text: str) -> str:
        if self._key:
            text = text.replace(self._key, "***")
        return text[:400]

    def _submit(self, work: Coroutine[Any, Any, str]) -> "concurrent.futures.Future[str]":
        """One loop for the object's life: litellm keeps clients that belong to the loop they were made on."""
        with self._starting:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="aiops-llm", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _acompletion() -> Any:
    # Before the import: without them it fetches its price list from the internet and reads a .env file.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    try:
        import litellm  # noqa: PLC0415 - see __init__
    except ImportError as error:
        raise SettingsError("llm", "litellm is not installed: pip install 'aiops[triage]'") from error
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    return litellm.acompletion
