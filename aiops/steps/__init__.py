"""The verbs: patrol, detect, correlate, triage, authorise, remediate, settle, verify, close. One file each."""

from aiops.steps.approve import approve, deny
from aiops.steps.authorise import authorise, replan
from aiops.steps.autonomy import lower_rung, raise_rung
from aiops.steps.baseline import accept as accept_baseline
from aiops.steps.baseline import chosen as chosen_baseline
from aiops.steps.baseline import reopen as reopen_baseline
from aiops.steps.brief import brief
from aiops.steps.close import close
from aiops.steps.correlate import correlate, gather
from aiops.steps.deliver import deliver
from aiops.steps.dispatch import dispatch
from aiops.steps.file_records import file_records
from aiops.steps.freeze import freeze, renew_permit, thaw
from aiops.steps.inventory import check_inventory
from aiops.steps.look import detect_and_report, detectors
from aiops.steps.notify import notify
from aiops.steps.patrol import patrol
from aiops.steps.prune import prune
from aiops.steps.quiet import acknowledge, silence, unsilence
from aiops.steps.refuse import refuse
from aiops.steps.remediate import reap, remediate
from aiops.steps.settle import settle
from aiops.steps.shorten import shorten
from aiops.steps.sweeper import look_again, sweep_up
from aiops.steps.tell import taken
from aiops.steps.triage import triage
from aiops.steps.watch import Watcher
from aiops.steps.why import why

__all__ = [
    "Watcher",
    "accept_baseline",
    "acknowledge",
    "approve",
    "authorise",
    "brief",
    "check_inventory",
    "chosen_baseline",
    "close",
    "correlate",
    "deliver",
    "deny",
    "detect_and_report",
    "detectors",
    "dispatch",
    "file_records",
    "freeze",
    "gather",
    "look_again",
    "lower_rung",
    "notify",
    "patrol",
    "prune",
    "raise_rung",
    "reap",
    "refuse",
    "remediate",
    "renew_permit",
    "reopen_baseline",
    "replan",
    "settle",
    "shorten",
    "silence",
    "sweep_up",
    "taken",
    "thaw",
    "triage",
    "unsilence",
    "why",
]
