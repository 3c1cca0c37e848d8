"""What we need from outside, in our own words, and what each trust domain is given of it.

A port is a page of docstrings; its adapters live in ``aiops/adapters`` and pass the same contract tests.
"""

from aiops.ports.executions import Claim, ExecutionLedger, Executor, Receipt
from aiops.ports.hosts import Inventory, Page, Printed, Shell, Topology, Web
from aiops.ports.incidents import IncidentLedger, QuietLedger
from aiops.ports.services import (
    BridgeServices,
    Clock,
    DetectionServices,
    IncidentServices,
    NotifyServices,
    RemediationServices,
    TriageServices,
)
from aiops.ports.signs import Beacon, Pulse
from aiops.ports.stream import Broker, EventLog, Events, Mirrored
from aiops.ports.thinking import ProviderState, Thinker
from aiops.ports.trail import Archive, AuditLog, Records
from aiops.ports.trust import Permit, PermitOffice, Signer, Verifier
from aiops.ports.voice import Channel, Mailbox

__all__ = [
    "Archive",
    "AuditLog",
    "Beacon",
    "BridgeServices",
    "Broker",
    "Channel",
    "Claim",
    "Clock",
    "DetectionServices",
    "EventLog",
    "Events",
    "ExecutionLedger",
    "Executor",
    "IncidentLedger",
    "IncidentServices",
    "Inventory",
    "Mailbox",
    "Mirrored",
    "NotifyServices",
    "Page",
    "Permit",
    "PermitOffice",
    "Printed",
    "ProviderState",
    "Pulse",
    "QuietLedger",
    "Receipt",
    "Records",
    "RemediationServices",
    "Shell",
    "Signer",
    "Thinker",
    "Topology",
    "TriageServices",
    "Verifier",
    "Web",
]
