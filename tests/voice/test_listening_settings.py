"""Who is heard is a setting; whoever hears is watched like every other process."""

from pathlib import Path

import pytest

from aiops import bootstrap
from aiops.bootstrap.for_incidents import _watched
from aiops.domain.watch import PROCESSES, Watched
from aiops.errors import SettingsError
from aiops.settings import Settings, Telegram
from tests.voice.telegram_server import TOKEN


@pytest.fixture
def token(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path / "token"


def settings(token: Path | None, *users: int, watch: Watched | None = None) -> Settings:
    telegram = Telegram(token_file=token, group=-1, users=users)
    return Settings(telegram=telegram, watch=watch or Watched())


def test_the_poller_is_watched_where_somebody_is_to_be_heard(token: Path) -> None:
    assert _watched(settings(token, 1)).processes == (*PROCESSES, "listen")
    assert _watched(settings(token)).processes == PROCESSES
    assert _watched(settings(token, 1, watch=Watched(processes=("detect",)))).processes == ("detect",)


def test_without_people_there_is_nobody_to_hear(token: Path) -> None:
    with pytest.raises(SettingsError, match="nobody to hear"):
        bootstrap.listening(settings(token))
