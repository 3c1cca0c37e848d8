"""One table: which trust domain runs which task. Routes, registries and access rights are built from it."""

QUEUES: dict[str, tuple[str, ...]] = {
    "detect": ("patrol", "detect", "verify", "canary_detect"),
    "incidents": (
        "correlate",
        "gather",
        "authorise",
        "dispatch",
        "settle",
        "close",
        "conclude",
        "ask_session",
        "sweep_up",
        "look_again",
        "watch",
        "prune",
        "taken",
        "heard",
        "refresh_cards",
        "order_backup",
        "settle_backup",
        "daily_report",
        "monthly_report",
        "security_digest",
        "tell_night",
        "site_metrics",
        "hear",
        "canary_incidents",
    ),
    "triage": ("triage", "digest_feeds", "canary_triage"),
    "remediation": ("remediate", "backup", "investigate", "canary_remediation"),
    "notify": ("notify", "answer", "canary_notify"),
    "night": ("publish_site", "keep_usage", "read_feeds", "night_told", "doc_sync", "canary_night"),
}

SUCCESSORS: dict[str, frozenset[str]] = {"detect": frozenset({"correlate"})}
"""The only chain that may travel in a message: what a task's message may name as its next task."""
