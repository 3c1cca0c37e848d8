"""Results are not kept in Celery: the ledger is the record. This says so to whoever calls ``.get()``."""

from typing import Any, NoReturn

from celery.backends.base import DisabledBackend


class NoResultError(NotImplementedError):
    """Says what to use instead of ``.get()``."""


class RecordBackend(DisabledBackend):
    """Stores nothing, and refuses to be asked."""

    def _is_disabled(self, *_: Any, **__: Any) -> NoReturn:
        msg = "tasks keep no result here: the ledger is the record. Follow this one with `aiops show --follow <its id>`"
        raise NoResultError(msg)

    get_state = get_status = get_result = get_traceback = _is_disabled
    get_task_meta_for = wait_for = get_many = wait_for_pending = _is_disabled
