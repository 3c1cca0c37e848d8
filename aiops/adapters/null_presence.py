"""No broker is set, so nobody is told that a worker lives."""


class NullPresence:
    """A life sign that goes nowhere."""

    def start(self) -> None:
        """Nothing to say it to."""

    def stop(self) -> None:
        """Nothing to say it to."""
