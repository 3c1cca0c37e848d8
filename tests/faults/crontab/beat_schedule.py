"""The crontab of the fault tests: one guardian, who leaves most looks to the tests, and a sweeper for whom they can wait."""

from datetime import timedelta

GUARDIANS = {"disk": timedelta(minutes=10)}
HOUSEKEEPING = {
    "sweep_up": timedelta(seconds=5),
    "watch": timedelta(minutes=5),
    "look_again": timedelta(minutes=5),
}
