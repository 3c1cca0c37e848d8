"""An asyncio loop on a thread of its own, for libraries that keep clients bound to the loop they were made on."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

GRACE: Final = 0.3
"""Seconds beyond a deadline until a loop that does not even cancel counts as stuck."""

Answer = TypeVar("Answer")


class BackgroundLoop:
    """Runs coroutines with a hard deadline. Starts at first use; safe to call from many threads; a fork makes its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def run(self, work: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
        """The coroutine's result.

        :raises TimeoutError: no end within ``seconds``; the coroutine is cancelled, and a loop that is stuck is left behind
        """
        loop = self._running()
        waiting = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), loop)
        try:
            return waiting.result(seconds + GRACE)
        except concurrent.futures.TimeoutError as error:
            if not waiting.done():
                waiting.cancel()
                self._abandon(loop)
            raise TimeoutError from error

    def close(self) -> None:
        """Cancel what runs and end the thread."""
        loop, thread = self._loop, self._thread
        self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(1.0)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="aiops-llm", daemon=True)
                self._thread.start()
            return self._loop

    def _abandon(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._starting:
            if self._loop is loop:
                self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Until it is stopped; a loop that was left behind closes itself when it comes to."""
    try:
        loop.run_forever()
    finally:
        loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
