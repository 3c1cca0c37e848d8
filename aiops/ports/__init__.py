"""What we need from outside, in our own words, and what each trust domain is given of it.

A port is a page of docstrings; its adapters live in ``aiops/adapters`` and pass the same contract tests.
"""

from aiops.ports.backup import BackupBook, BackupRuns, Filing, Nodes, Progress
from aiops.ports.executions import LONGEST_LEASE, Claim, ExecutionLedger, Executor, Receipt, Tracer
from aiops.ports.hosts import Inventory, Page, Printed, Shell, Topology, Web, Witness
from aiops.ports.incidents import IncidentLedger, QuietLedger
from aiops.ports.metering import ExecutionCounts, ExecutionFigures, GaugeServices, IncidentFigures, Meter, Queues
from aiops.ports.night import DocsSource, FeedSource, Forge, NightBook, NightServices, NodeSource, Site
from aiops.ports.services import (
    BackupServices,
    BridgeServices,
    Clock,
    DetectionServices,
    IncidentServices,
    ListenServices,
    NotifyServices,
    RemediationServices,
    ShipServices,
    TriageServices,
)
from aiops.ports.sessions import Agent, GrantVerifier, Reviews, SessionClaim, SessionLedger, SessionServices
from aiops.ports.signs import Beacon, Pulse
from aiops.ports.stream import Broker, EventLog, Events, LogSource, LogStore, Mirrored, Spool, Spooled
from aiops.ports.talk import CardBox, Ears, Inbox, Talker, TalkLedger
from aiops.ports.thinking import ProviderState, Thinker
from aiops.ports.trail import Archive, AuditLog, Records
from aiops.ports.trust import Hearing, Mouthpiece, Permit, PermitOffice, Signer, Verifier
from aiops.ports.views import BriefServices, Views
from aiops.ports.voice import Channel, Mailbox

__all__ = [
    "LONGEST_LEASE",
    "Agent",
    "Archive",
    "AuditLog",
    "BackupBook",
    "BackupRuns",
    "BackupServices",
    "Beacon",
    "BridgeServices",
    "BriefServices",
    "Broker",
    "CardBox",
    "Channel",
    "Claim",
    "Clock",
    "DetectionServices",
    "DocsSource",
    "Ears",
    "EventLog",
    "Events",
    "ExecutionCounts",
    "ExecutionFigures",
    "ExecutionLedger",
    "Executor",
    "FeedSource",
    "Filing",
    "Forge",
    "GaugeServices",
    "GrantVerifier",
    "Hearing",
    "Inbox",
    "IncidentFigures",
    "IncidentLedger",
    "IncidentServices",
    "Inventory",
    "ListenServices",
    "LogSource",
    "LogStore",
    "Mailbox",
    "Meter",
    "Mirrored",
    "Mouthpiece",
    "NightBook",
    "NightServices",
    "NodeSource",
    "Nodes",
    "NotifyServices",
    "Page",
    "Permit",
    "PermitOffice",
    "Printed",
    "Progress",
    "ProviderState",
    "Pulse",
    "Queues",
    "QuietLedger",
    "Receipt",
    "Records",
    "RemediationServices",
    "Reviews",
    "SessionClaim",
    "SessionLedger",
    "SessionServices",
    "Shell",
    "ShipServices",
    "Signer",
    "Site",
    "Spool",
    "Spooled",
    "TalkLedger",
    "Talker",
    "Thinker",
    "Topology",
    "Tracer",
    "TriageServices",
    "Verifier",
    "Views",
    "Web",
    "Witness",
]
