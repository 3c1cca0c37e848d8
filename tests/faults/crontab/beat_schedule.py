"""The crontab of the fault tests: one guardian that mostly leaves the looking to the tests, and a sweeper whom they can wait for."""

from datetime import timedelta

GUARDIANS = {"disk": timedelta(minutes=10)}
HOUSEKEEPING = {
    "sweep_up": timedelta(seconds=5),
    "watch": timedelta(minutes=5),
    "look_again": timedelta(minutes=5),
}
