"""The crontab of the fault tests: one guardian, and everything that heals at a pace that a test can wait for."""

from datetime import timedelta

GUARDIANS = {"disk": timedelta(seconds=120)}
HOUSEKEEPING = {
    "sweep_up": timedelta(seconds=5),
    "watch": timedelta(seconds=60),
    "look_again": timedelta(seconds=120),
}
