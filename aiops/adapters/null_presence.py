"""No broker is set, so nobody is told that a worker lives."""


class NullPresence:
    """A life sign that goes nowhere."""

    def start(self) -> None:
        """Nothing to say it to."""

    def stop(self) -> None:
        """Nothing to say it to."""

    def well(self, text: str) -> None:
        """Nothing to say it to."""

    def ill(self, text: str) -> None:
        """Nothing to say it to."""
