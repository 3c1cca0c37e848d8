"""The verbs: patrol, detect, correlate, triage, authorise, remediate, settle, verify, close. One file each."""

from aiops.steps.abridge import command_of, output_of
from aiops.steps.approve import approve, deny
from aiops.steps.authorise import authorise, replan
from aiops.steps.autonomy import lower_rung, raise_rung
from aiops.steps.backup_night import advance_backup
from aiops.steps.backup_order import approve_backups, order_backup, revoke_backups, settle_backup
from aiops.steps.backup_order import obstacle as backup_obstacle
from aiops.steps.backup_receive import receive_backup
from aiops.steps.backup_records import file_backups
from aiops.steps.baseline import accept as accept_baseline
from aiops.steps.baseline import chosen as chosen_baseline
from aiops.steps.baseline import reopen as reopen_baseline
from aiops.steps.begin_again import begin_executions_again, begin_incidents_again
from aiops.steps.brief import brief
from aiops.steps.cards import refresh_cards
from aiops.steps.close import close
from aiops.steps.conclude import ask_session, conclude
from aiops.steps.correlate import correlate, gather
from aiops.steps.deliver import deliver
from aiops.steps.dispatch import dispatch
from aiops.steps.doc_sync import compare_docs, doc_sync
from aiops.steps.executed import executed
from aiops.steps.feeds import digest_feeds, night_told, read_feeds
from aiops.steps.file_records import file_records
from aiops.steps.file_sessions import file_sessions
from aiops.steps.freeze import freeze, renew_permit, thaw
from aiops.steps.hear import hear
from aiops.steps.heard import heard
from aiops.steps.inventory import check_inventory
from aiops.steps.investigate import investigate, reap_sessions
from aiops.steps.listen import handed, introduce, listen, signed, to_hand
from aiops.steps.look import detect_and_report, detectors
from aiops.steps.night import daily_report, monthly_report, security_digest, tell_night
from aiops.steps.notify import notify, take_answer
from aiops.steps.patrol import patrol
from aiops.steps.prune import prune
from aiops.steps.quiet import acknowledge, silence, unsilence
from aiops.steps.refuse import refuse
from aiops.steps.remediate import reap, remediate
from aiops.steps.remind import remind
from aiops.steps.reports import figures as report_figures
from aiops.steps.reports import last_day, month
from aiops.steps.reports import lines as report_lines
from aiops.steps.request import request
from aiops.steps.session import request_session
from aiops.steps.settle import settle
from aiops.steps.shorten import shorten
from aiops.steps.site import draft_site, keep_usage, publish_site, site_figures
from aiops.steps.sweeper import look_again, sweep_up
from aiops.steps.takeover import give_back, may_be_taken, take_over
from aiops.steps.tell import taken
from aiops.steps.triage import triage
from aiops.steps.trust_server import trust_server
from aiops.steps.undo import undo
from aiops.steps.watch import Watcher
from aiops.steps.why import why

__all__ = [
    "Watcher",
    "accept_baseline",
    "acknowledge",
    "advance_backup",
    "approve",
    "approve_backups",
    "ask_session",
    "authorise",
    "backup_obstacle",
    "begin_executions_again",
    "begin_incidents_again",
    "brief",
    "check_inventory",
    "chosen_baseline",
    "close",
    "command_of",
    "compare_docs",
    "conclude",
    "correlate",
    "daily_report",
    "deliver",
    "deny",
    "detect_and_report",
    "detectors",
    "digest_feeds",
    "dispatch",
    "doc_sync",
    "draft_site",
    "executed",
    "file_backups",
    "file_records",
    "file_sessions",
    "freeze",
    "gather",
    "give_back",
    "handed",
    "hear",
    "heard",
    "introduce",
    "investigate",
    "keep_usage",
    "last_day",
    "listen",
    "look_again",
    "lower_rung",
    "may_be_taken",
    "month",
    "monthly_report",
    "night_told",
    "notify",
    "order_backup",
    "output_of",
    "patrol",
    "prune",
    "publish_site",
    "raise_rung",
    "read_feeds",
    "reap",
    "reap_sessions",
    "receive_backup",
    "refresh_cards",
    "refuse",
    "remediate",
    "remind",
    "renew_permit",
    "reopen_baseline",
    "replan",
    "report_figures",
    "report_lines",
    "request",
    "request_session",
    "revoke_backups",
    "security_digest",
    "settle",
    "settle_backup",
    "shorten",
    "signed",
    "silence",
    "site_figures",
    "sweep_up",
    "take_answer",
    "take_over",
    "taken",
    "tell_night",
    "thaw",
    "to_hand",
    "triage",
    "trust_server",
    "undo",
    "unsilence",
    "why",
]
