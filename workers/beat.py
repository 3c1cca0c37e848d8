"""The clock: exactly one beat for the whole system. It may push to ``detect``, ``incidents`` and ``night``, and nowhere else."""

from typing import Any

from tasks.app import app

if __name__ == "__main__":
    # It sends names and runs nothing: the tasks, and all that they bring along, stay out of this process.
    app.conf.include = ()
    beat: Any = app.Beat(loglevel="INFO")
    beat.run()
