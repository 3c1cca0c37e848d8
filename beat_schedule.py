"""THE CRONTAB: one line per scheduled thing, in the operator's time zone. Nothing else is scheduled anywhere.

What is cheap and urgent runs every five minutes; guardians that are due in the same moment travel as one patrol, so a host is
visited once. Intervals stand on a grid from midnight UTC and never skip; lines with a time of day follow the operator's clock
through both of its changes (``tasks/moments.py``).
"""

from datetime import timedelta

from celery.schedules import crontab

GUARDIANS: dict[str, timedelta | crontab] = {
    "health": timedelta(minutes=5),
    "disk": timedelta(minutes=5),
    "audit-dpkg-rc": timedelta(minutes=5),
    "soc": timedelta(minutes=5),
    "wazuh": timedelta(minutes=5),
    "proxmox": timedelta(minutes=5),
    "logs": timedelta(minutes=5),
    "metrics": timedelta(minutes=5),
    "log-store": timedelta(minutes=15),
    "pbs": timedelta(minutes=60),
    "headscale": timedelta(minutes=60),
    "security": crontab(hour=8, minute=30),
    "backup": crontab(hour=6, minute=0),
    "config-backup": crontab(hour=6, minute=0),
    "drives": crontab(hour=9, minute=0),
    "mirrors": crontab(hour=9, minute=0, day_of_week="sun"),
    "certs": crontab(hour=10, minute=0),
    "upgrade-check": crontab(hour=10, minute=0),
    "releases": crontab(hour=10, minute=0),
}

HOUSEKEEPING: dict[str, timedelta | crontab] = {
    "sweep_up": timedelta(seconds=15),  # rings again for whatever the ledger says is open
    "watch": timedelta(minutes=1),  # a guardian that did not look, a process that is silent
    "look_again": timedelta(minutes=15),  # only a detector closes: open incidents are looked at
    "order_backup": crontab(hour=0, minute=8),  # wakes pve3, backs up, puts it to sleep: once a human has allowed it
    "daily_report": crontab(hour=8, minute=0),  # before the operator sleeps
    "monthly_report": crontab(hour=8, minute=5, day_of_month=1),
    "doc_sync": crontab(hour=8, minute=30),
    "site_metrics": crontab(hour=9, minute=0),
    "security_digest": crontab(hour=11, minute=0),
    "read_feeds": crontab(hour=16, minute=0),
    "prune": crontab(hour=4, minute=10),  # incidents are kept two years, sweeps two weeks
}
