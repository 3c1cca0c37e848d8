"""From settings to adapters: the only file that chooses one. Imports are local, so a process loads only what it needs."""

from aiops.adapters.config_archive import open_archive
from aiops.bootstrap.doctor import SHADOWS, Concern, checks, checks_for
from aiops.bootstrap.for_brief import brief, desk
from aiops.bootstrap.for_detection import detection, enrolment, old_system, sudoers
from aiops.bootstrap.for_incidents import incidents, policy, scratch
from aiops.bootstrap.for_ingest import ingest
from aiops.bootstrap.for_keys import Done as KeyStep
from aiops.bootstrap.for_keys import chosen as chosen_keys
from aiops.bootstrap.for_keys import keys
from aiops.bootstrap.for_ledgers import executions_at, incidents_at, ledger_copies
from aiops.bootstrap.for_mcp import mcp_log, mcp_powers, mcp_service, mcp_tools
from aiops.bootstrap.for_metrics import execution_exporter, exporter, incident_exporter
from aiops.bootstrap.for_mirrors import (
    Presence,
    bridge,
    listening,
    mailbox,
    notification,
    other_poller,
    presence,
    shipping,
)
from aiops.bootstrap.for_night import night, report_page, send_usage, symbiosis, usage_sums
from aiops.bootstrap.for_one_machine import EmbeddedServer, embedded_mqtt, embedded_redis, generate_keys, tied_command
from aiops.bootstrap.for_remediation import backup, backup_runs, executions, executor, records, remediation
from aiops.bootstrap.for_sessions import sessions
from aiops.bootstrap.for_triage import one_thinker, thinker, triage
from aiops.bootstrap.shared import (
    archive,
    catalogue,
    events,
    guests,
    inventory,
    inventory_groups,
    memory,
    pulse,
    topologies,
)

__all__ = [
    "SHADOWS",
    "Concern",
    "EmbeddedServer",
    "KeyStep",
    "Presence",
    "archive",
    "backup",
    "backup_runs",
    "bridge",
    "brief",
    "catalogue",
    "checks",
    "checks_for",
    "chosen_keys",
    "desk",
    "detection",
    "embedded_mqtt",
    "embedded_redis",
    "enrolment",
    "events",
    "execution_exporter",
    "executions",
    "executions_at",
    "executor",
    "exporter",
    "generate_keys",
    "guests",
    "incident_exporter",
    "incidents",
    "incidents_at",
    "ingest",
    "inventory",
    "inventory_groups",
    "keys",
    "ledger_copies",
    "listening",
    "mailbox",
    "mcp_log",
    "mcp_powers",
    "mcp_service",
    "mcp_tools",
    "memory",
    "night",
    "notification",
    "old_system",
    "one_thinker",
    "open_archive",
    "other_poller",
    "policy",
    "presence",
    "pulse",
    "records",
    "remediation",
    "report_page",
    "scratch",
    "send_usage",
    "sessions",
    "shipping",
    "sudoers",
    "symbiosis",
    "thinker",
    "tied_command",
    "topologies",
    "triage",
    "usage_sums",
]
