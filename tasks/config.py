"""Celery's configuration, with the reason for every line that is not a default."""

from typing import Any

from kombu import Exchange, Queue

from aiops.settings import Settings
from tasks.queues import QUEUES
from tasks.schedule import beat_entries

LONGEST_TASK = 3600
"""Seconds: above every playbook's timeout, so that no message is handed out twice while its task still runs."""


def configuration(settings: Settings) -> dict[str, Any]:
    """The whole configuration, the same in every process."""
    return {
        "broker_url": settings.redis.full_url(),
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": 2 * LONGEST_TASK,
            # A half-open link otherwise hangs for ever.
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            # A dead worker's messages come back after 9 s instead of 92.
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "priority_steps": [0],
        },
        "result_backend": "tasks.backend:RecordBackend",
        "task_ignore_result": True,
        # Explicit exchange and key: a bare Queue(name) is bound to the default exchange and hears everything.
        # Only the worker that drains a queue declares it: a binding decides where messages go, so it is its owner's alone.
        "task_queues": [
            Queue(name, Exchange(name, type="direct"), routing_key=name, no_declare=True) for name in QUEUES
        ],
        "task_routes": {
            task: {"queue": queue, "routing_key": queue} for queue, tasks in QUEUES.items() for task in tasks
        },
        # A queue nobody declared is a typo, and a task without a route is a mistake.
        "task_create_missing_queues": False,
        "task_default_queue": "detect",
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        # Everything but remediation is idempotent, so a lost worker's message is done again.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_annotations": {
            # Repairing twice is worse than reporting "unknown": CT196 takes a message off the queue before it starts.
            "remediate": {"acks_late": False, "reject_on_worker_lost": False, "max_retries": 0},
            # The same for a session: it costs money, and the sweeper rings again for one that was not started.
            "investigate": {"acks_late": False, "reject_on_worker_lost": False, "max_retries": 0},
        },
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_hijack_root_logger": False,
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        # One published word would shut a worker down; who lives is known by its pulse, what it does by its events.
        "worker_enable_remote_control": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "timezone": settings.timezone,
        "enable_utc": True,
        "beat_schedule": beat_entries(settings.timezone),
        "beat_scheduler": "tasks.clock:Clock",
        # Each round of beat is its sign of life.
        "beat_max_loop_interval": settings.watch.pulse_seconds,
        "beat_schedule_filename": str(settings.state / "beat-schedule"),
    }
