"""The ways to the human."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from aiops.settings.section import Section


class Telegram(Section):
    """The first way to the human; without ``token_file`` messages go to a file in the state folder."""

    token_file: Path | None = Field(default=None, description="file that holds the bot's token; empty: no Telegram")
    group: int = Field(default=0, description="numeric id of the group: info silently, warning with sound")
    direct: int = Field(default=0, description="numeric id of the human's own chat: critical")
    users: tuple[int, ...] = Field(
        default=(), description="numeric ids of the people who may decide and command; empty: the bot only tells"
    )
    api: str = Field(default="https://api.telegram.org", pattern=r"^https?://", description="the Bot API")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.token_file and not (self.group or self.direct):
            raise ValueError("name the chat that is written to: group, direct or both")
        return self


class Ntfy(Section):
    """The second way, tried when Telegram has not taken a message for ``voice.second_after`` seconds."""

    url: str = Field(default="", pattern=r"^(https?://.+)?$", description="address of the topic; empty: none")
    token_file: Path | None = Field(default=None, description="file that holds its token; empty: it needs none")
