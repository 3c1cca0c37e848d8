class LabError(Exception):
    """The lab cannot do what was asked; the message says what a human can do about it."""


class CommandError(LabError):
    """A program the lab started failed: carries its argv, exit status and what it said."""

    def __init__(self, argv: tuple[str, ...], status: int, said: str) -> None:
        super().__init__(argv, status, said)
        self.argv = argv
        self.status = status
        self.said = said

    def __str__(self) -> str:
        return f"`{' '.join(self.argv)}` ended with {self.status}: {self.said.strip()[-800:] or 'no output'}"


class CannotLookError(LabError):
    """The host could not be entered, so nothing is known about it (never to be read as "healthy")."""
