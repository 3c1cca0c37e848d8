"""Everything that can go wrong, drawn as a tree.

    AiopsError
    ├── TransientError            try again later, by itself
    │   ├── HostUnreachableError      no connection, or it broke
    │   ├── HostTimeoutError          connected, but no answer in time
    │   ├── LedgerBusyError           the database is locked or its disk is full
    │   ├── BusError                  Redis or the MQTT broker does not answer
    │   ├── CutOffError               a server of others misbehaves, and was cut off
    │   ├── ChannelError              a message to the human did not go out
    │   └── ThinkerError              no LLM provider gave a usable answer
    │       └── ProviderError             one provider did not, and ``trouble`` says why in one word
    └── PermanentError            a human has to do something
        ├── HostKeyError              the host's key is unknown or has changed
        ├── RefusedError              we do not do that, and ``reason`` says why in one word
        ├── UnknownError              no such incident, host, playbook ...
        ├── ManifestError             a playbook's manifest cannot be used
        └── SettingsError             the settings cannot be used

Celery rebuilds an error from ``args`` alone, so every class hands all its fields to ``super().__init__``.
"""

from aiops.domain.verdict import Attempt, Trouble


class AiopsError(Exception):
    """Base of all errors of this project."""


class TransientError(AiopsError):
    """May succeed when tried again."""


class PermanentError(AiopsError):
    """Will not succeed by trying again."""


class HostUnreachableError(TransientError):
    """No connection to the host, or it broke."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, reason)
        self.host, self.reason = host, reason

    def __str__(self) -> str:
        return f"{self.host} cannot be reached: {self.reason}"


class HostTimeoutError(TransientError):
    """The host did not answer within its time, in seconds."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__(host, seconds)
        self.host, self.seconds = host, seconds

    def __str__(self) -> str:
        return f"{self.host} did not answer within {self.seconds:g} s"


class LedgerBusyError(TransientError):
    """The ledger could not be written; ``remedy`` says what to do."""

    def __init__(self, path: str, reason: str, remedy: str) -> None:
        super().__init__(path, reason, remedy)
        self.path, self.reason, self.remedy = path, reason, remedy

    def __str__(self) -> str:
        return f"the ledger {self.path} cannot be written: {self.reason}. {self.remedy}"


class BusError(TransientError):
    """Redis or the MQTT broker does not answer."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"{self.where} does not answer: {self.reason}"


class ChannelError(TransientError):
    """A message to the human did not go out; ``rest`` is how many seconds the channel asked to be left alone."""

    def __init__(self, channel: str, reason: str, rest: float = 0.0) -> None:
        super().__init__(channel, reason, rest)
        self.channel, self.reason, self.rest = channel, reason, rest

    def __str__(self) -> str:
        return f"{self.channel} did not take the message: {self.reason}"


class CutOffError(TransientError):
    """A server of others does not answer, says too much, or does not keep to what it declared; it was cut off."""

    def __init__(self, server: str, reason: str) -> None:
        super().__init__(server, reason)
        self.server, self.reason = server, reason

    def __str__(self) -> str:
        return f"the MCP server {self.server} was cut off: {self.reason}"


class ThinkerError(TransientError):
    """No LLM provider gave a usable answer; ``attempts`` are their turns, for the books."""

    def __init__(self, reason: str, attempts: tuple[Attempt, ...] = ()) -> None:
        super().__init__(reason, attempts)
        self.reason, self.attempts = reason, attempts

    def __str__(self) -> str:
        return f"no usable answer from the LLM: {self.reason}"


class ProviderError(ThinkerError):
    """One provider gave no usable answer; ``rest`` is how many seconds to leave it alone, None when it did not say."""

    def __init__(self, trouble: Trouble, reason: str, rest: float | None = None) -> None:
        super().__init__(reason)
        self.args = (trouble, reason, rest)
        self.trouble, self.rest = trouble, rest


class HostKeyError(PermanentError):
    """The host's key is not the one we trust. Never accepted by itself."""

    def __init__(self, host: str, reason: str, remedy: str) -> None:
        super().__init__(host, reason, remedy)
        self.host, self.reason, self.remedy = host, reason, remedy

    def __str__(self) -> str:
        return f"{self.host}: {self.reason}. {self.remedy}"


class RefusedError(PermanentError):
    """We do not do that. ``reason`` is one machine-readable word, ``text`` the sentence."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.reason, self.text = reason, text

    def __str__(self) -> str:
        return f"refused ({self.reason}): {self.text}"


class UnknownError(PermanentError):
    """There is no such thing."""

    def __init__(self, what: str, name: str, remedy: str = "") -> None:
        super().__init__(what, name, remedy)
        self.what, self.name, self.remedy = what, name, remedy

    def __str__(self) -> str:
        return f"there is no {self.what} {self.name!r}. {self.remedy}".rstrip()


class ManifestError(PermanentError):
    """A playbook's manifest cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class SettingsError(PermanentError):
    """The settings cannot be used."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where, self.reason = where, reason

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"
