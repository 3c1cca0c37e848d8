"""Results are not kept in Celery: the ledger is the record. This says so to whoever calls ``.get()``."""

from typing import Any, NoReturn

from celery.backends.base import DisabledBackend
from celery.result import AsyncResult


class NoResultError(NotImplementedError):
    """Says what to use instead of ``.get()``."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id

    def __str__(self) -> str:
        return f"tasks keep no result here, the ledger is the record; call: aiops show --follow {self.task_id}"


class Started(AsyncResult[Any]):
    """What ``.delay()`` returns: an id that ``aiops show --follow`` resolves."""

    def get(self, *_: Any, **__: Any) -> NoReturn:
        """:raises NoResultError: always; Celery's own would return None for a task that keeps no result."""
        raise NoResultError(str(self.id))

    wait = get


class RecordBackend(DisabledBackend):
    """Stores nothing, and refuses to be asked."""

    def _is_disabled(self, task_id: Any = "ID", *_: Any, **__: Any) -> NoReturn:
        raise NoResultError(str(task_id))

    get_state = get_status = get_result = get_traceback = _is_disabled
    get_task_meta_for = wait_for = get_many = _is_disabled
