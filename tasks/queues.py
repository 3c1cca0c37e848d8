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
        "sweep_up",
        "look_again",
        "watch",
        "prune",
        "taken",
    ),
    "triage": ("triage",),
    "remediation": ("remediate",),
    "notify": ("notify",),
}

SUCCESSORS: dict[str, frozenset[str]] = {"detect": frozenset({"correlate"})}
"""The only chain that may travel in a message: what a task's message may name as its next task."""
