"""listen: hear what humans say, keep it durably, and only then let the messenger forget it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from aiops.domain.talk import Said
from aiops.ports import ListenServices
from aiops.steps.commands import COMMANDS

PATIENCE: Final = timedelta(seconds=30)
"""What was handed over and not answered for so long is handed over again; heard twice, it is done once."""
OLDEST: Final = timedelta(hours=1)
"""What nobody could answer for so long is not handed over any more."""


def listen(services: ListenServices) -> None:
    """One poll: who is not on the list is heard once, to be refused; idle talk in the group is nobody's business.

    :raises ChannelError: it cannot be asked now
    :raises SettingsError: a wrong token
    :raises LedgerBusyError: nothing was taken: it comes again with the next poll
    """
    newest, heard = services.ears.hear(services.inbox.offset())
    ours = [said for one in heard if (said := _ours(one, services))]
    if newest > services.inbox.offset() or ours:
        services.inbox.take(newest, ours)


def to_hand(services: ListenServices) -> Sequence[Said]:
    """What the incidents' side has to hear now."""
    now = services.clock()
    return services.inbox.unhanded(now - PATIENCE, now - OLDEST)


def handed(said: Said, services: ListenServices) -> None:
    """It is in the incidents' queue."""
    services.inbox.handed(said.update, services.clock())


def introduce(services: ListenServices) -> None:
    """Tell the messenger which commands there are.

    :raises ChannelError: not now
    """
    services.ears.introduce([(name, services.words(f"command.{name}")) for name in COMMANDS])


def _ours(said: Said, services: ListenServices) -> Said | None:
    if said.chat not in services.chats and said.chat != said.user:
        return None  # the bot was added to a group of others: nothing of ours is told there
    incident = services.inbox.incident_of(said.chat, said.about) if said.about else ""
    private = said.chat > 0
    if not (said.callback or said.text.startswith("/") or incident or private):
        return None
    if said.user not in services.users and not services.inbox.stranger(said.user, said.at):
        return None
    return said.model_copy(update={"incident": incident})
