"""One table: which trust domain runs which task. Routes, registries and access rights are built from it."""

QUEUES: dict[str, tuple[str, ...]] = {
    "detect": ("patrol", "detect", "verify"),
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
        "order_backup",
        "settle_backup",
        "daily_report",
        "monthly_report",
        "security_digest",
        "tell_night",
        "site_metrics",
        "hear",
    ),
    "triage": ("triage", "digest_feeds"),
    "remediation": ("remediate", "backup", "investigate"),
    "notify": ("notify",),
    "night": ("publish_site", "keep_usage", "read_feeds", "night_told", "doc_sync"),
}

SUCCESSORS: dict[str, frozenset[str]] = {"detect": frozenset({"correlate"})}
"""The only chain that may travel in a message: what a task's message may name as its next task."""
