"""The clock: exactly one beat for the whole system. It may push to ``detect``, ``incidents`` and ``night``, and nowhere else."""

from tasks.app import app

if __name__ == "__main__":
    app.start(["beat", "--loglevel", "INFO", "--pidfile", ""])
