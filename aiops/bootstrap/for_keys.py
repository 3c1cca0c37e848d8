"""Every key and how it is changed: from the settings, or from the folder of secrets that a deployment copies from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from aiops.bootstrap.key_steps import MAKERS, STEPS
from aiops.domain.key import Key, Stage
from aiops.errors import RefusedError
from aiops.ports.keys import Rotation
from aiops.settings import Settings
from aiops.settings.secret_files import secret_files

Done = Literal["rotate", "use", "retire"]

_GIT: Final = frozenset({"records", "session.playbook", "mirrors", "docs"})
RECIPIENTS: Final = "archive.recipients"


@dataclass(frozen=True)
class Kept:
    """One key in its files. Without ``way`` it is made elsewhere, and only steps can be given."""

    name: str
    sort: str
    file: Path
    way: Rotation | None
    start: str
    call: str

    def fact(self) -> Key:
        """How it stands.

        :raises SettingsError: a file cannot be read
        """
        stage: Stage = self.way.stage() if self.way else "in use"
        return Key(name=self.name, place=str(self.file), stage=stage, made_at=_made(self.file), ours=bool(self.way))

    def steps(self, done: Done) -> tuple[str, ...]:
        """What is left to a human after it, in order."""
        maker = MAKERS.get(self.name.partition(".")[0], "whoever made the old one")
        folder = self.file.parent
        return tuple(
            step.format(name=self.name, place=self.file, folder=folder, maker=maker, start=self.start, call=self.call)
            for step in STEPS[self.sort].get(done, ())
        )


def keys(settings: Settings, folder: Path | None = None) -> Mapping[str, Kept]:
    """Every key that is here, by name. ``folder``: of the secrets that a deployment copies from; else what the settings name.

    :raises SettingsError: a file cannot be read
    """
    found = (*_accounts(settings, folder), *_named(settings, folder))
    return {kept.name: kept for kept in found if kept.sort == "recipients" or kept.file.exists()}


def _named(settings: Settings, folder: Path | None) -> Iterator[Kept]:
    from aiops.adapters.key_files import SecretLines, SigningPair, SshPair  # noqa: PLC0415

    public = {
        "signing": folder / "trusted" if folder else settings.keys.trusted,
        "ears": folder / "heard" if folder else settings.keys.heard,
    }
    for name, path in secret_files(settings).items():
        file = folder / path if folder else path
        sort = _sort(name)
        if sort in {"redis", "mqtt"}:
            continue
        way: Rotation | None = None
        if sort in public:
            way = SigningPair(file, public[sort])
        elif sort in {"hosts", "git"}:
            way = SshPair(file)
        elif sort == "accepted":
            way = SecretLines(file)
        yield _kept(name, sort, file, way, folder)
    if "archive_configuration" in settings.playbooks:
        yield _kept(RECIPIENTS, "recipients", Path("aiops.toml"), None, folder)


def _accounts(settings: Settings, folder: Path | None) -> Iterator[Kept]:
    """Of Redis and MQTT: one file per account, side by side."""
    from aiops.adapters.key_files import SecretLines  # noqa: PLC0415

    ours = {"redis": settings.redis.password_file, "mqtt": settings.mqtt.password_file}
    for sort, file in ours.items():
        place = folder / sort if folder else file.parent if file else None
        for one in sorted(place.glob("*.password")) if place else []:
            yield _kept(f"{sort}.{one.stem}", sort, one, SecretLines(one), folder)


def _kept(name: str, sort: str, file: Path, way: Rotation | None, folder: Path | None) -> Kept:
    start = "ansible-playbook -i ../site.yml deploy.yml" if folder else "stop `aiops run` and start it again"
    return Kept(name, sort, file, way, start, f"aiops keys --secrets {folder}" if folder else "aiops keys")


def _sort(name: str) -> str:
    sorts = {"keys.signing": "signing", "keys.ears": "ears", "ssh.key_file": "hosts", "repair.key_file": "hosts"}
    sorts |= {"redis.password_file": "redis", "mqtt.password_file": "mqtt", "mcp.serve.token_file": "accepted"}
    if name in sorts:
        return sorts[name]
    if name.startswith("ingest.sources."):
        return "accepted"
    git = name.removesuffix(".key_file").removesuffix("_key_file") in _GIT and name.endswith("key_file")
    return "git" if git else "elsewhere"


def _made(file: Path) -> datetime | None:
    """By its file; what systemd hands to a process was written when that started."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if (given and file.resolve().is_relative_to(given)) or not file.exists():
        return None
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def chosen(known: Mapping[str, Kept], name: str) -> list[Kept]:
    """The key of that name, or every account of a server, such as ``redis``.

    :raises RefusedError: ``unknown`` when none is here
    """
    found = [
        kept for kept in known.values() if name in {kept.name, kept.sort if kept.sort in {"redis", "mqtt"} else ""}
    ]
    if not found:
        raise RefusedError("unknown", f"there is no key {name!r} here; `aiops keys list` says which there are")
    return found
