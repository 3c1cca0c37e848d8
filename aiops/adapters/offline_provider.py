"""No network: prompts are written into a folder, answers are read from it, so that any model or person can be asked."""

import json
import os
from pathlib import Path
from typing import Final

from aiops.adapters.llm_prompt import Prompt
from aiops.adapters.provider_chain import Price, Reply
from aiops.errors import ProviderError

_MOST: Final = 200_000
"""Bytes that are read of an answer."""


class OfflineProvider:
    """A ``Provider``: ``<key>.prompt.json`` (messages and schema) is asked, ``<key>.answer.json`` is the model's text.

    The same question has the same key, so an answer that was put there once is found whenever it is asked again.
    """

    def __init__(self, name: str, folder: Path, *, model: str = "", seconds: float = 0.0) -> None:
        self.name, self.model, self.seconds = name, model or f"offline/{name}", seconds
        self.price: Price | None = Price(0, 0)
        self._folder = folder

    def ask(self, prompt: Prompt, seconds: float) -> Reply:  # noqa: ARG002 - the protocol's name; files do not hang
        """See ``Provider``. Without an answer the prompt is there to be answered, and the question stays open."""
        question = self._folder / f"{prompt.key}.prompt.json"
        answer = self._folder / f"{prompt.key}.answer.json"
        try:
            if not question.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                written = question.with_suffix(f".{os.getpid()}.new")
                content = {"key": prompt.key, "messages": prompt.messages, "schema": prompt.schema}
                written.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
                written.replace(question)
            with answer.open("rb") as file:
                return Reply(file.read(_MOST).decode("utf-8"))
        except FileNotFoundError:
            reason = f"nobody has answered yet: put the answer into {answer}"
            raise ProviderError("unavailable", reason, rest=0) from None
        except UnicodeDecodeError:
            raise ProviderError("invalid", f"{answer} is not UTF-8", rest=0) from None
        except OSError as error:
            raise ProviderError("unavailable", f"{self._folder}: {error.strerror or error}") from None
