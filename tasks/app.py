"""The Celery app: queues, routes, delivery, retries. Every process of the system uses this one."""

from typing import Any

from celery import Celery, Task
from kombu.utils.objects import cached_property

from aiops.errors import PermanentError, TransientError
from aiops.settings import load_settings
from tasks.backend import Started
from tasks.config import configuration


class Step(Task[Any, Any]):
    """Transient errors are tried again with growing pauses; permanent ones never are.

    Its strategy is the border of a trust domain: see ``tasks.border``.
    """

    Strategy = "tasks.border:strategy"
    autoretry_for = (TransientError,)
    dont_autoretry_for = (PermanentError,)
    max_retries = 5
    retry_backoff = True
    retry_backoff_max = 60
    retry_jitter = True
    # A sweep is long; the log and Flower get its beginning.
    resultrepr_maxsize = 120


def _configure() -> dict[str, Any]:
    return configuration(load_settings())


class Aiops(Celery[Any]):
    """Celery, but ``.delay().get()`` says where the result is instead of returning nothing."""

    @cached_property
    def AsyncResult(self) -> type[Started]:  # noqa: N802 - Celery's name
        """The class of what ``.delay()`` returns."""
        return self.subclass_with_self(Started)


app = Aiops("aiops", task_cls=Step, include=["tasks.pipeline"])
app.add_defaults(_configure)
