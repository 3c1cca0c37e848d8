"""Would the catalogue take this playbook? A model wrote it, so a process is asked that is killed when it takes long: a pattern or
a document can be made to keep whoever reads it busy for years.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

import yaml

from aiops import remediations
from aiops.domain.session import ProposedPlaybook
from aiops.errors import ManifestError
from aiops.remediations.strict_yaml import read

SECONDS: Final = 20.0
"""An honest one takes half a second, most of it Python's start."""
_START: Final = "import sys; sys.path.insert(0, sys.argv[1]); from aiops.adapters.playbook_check import main; main()"
_ROOT: Final = Path(__file__).resolve().parents[2]


def check(proposed: ProposedPlaybook, taken: Collection[str]) -> None:
    """The same as ``checked``, elsewhere and for at most ``SECONDS``.

    :raises ManifestError: it is no playbook with a manifest, or one of that name is ``taken``
    """
    asked = json.dumps({"proposed": proposed.model_dump(), "taken": sorted(taken)})
    argv = [sys.executable, "-I", "-B", "-c", _START, str(_ROOT)]
    try:
        done = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ManifestError(proposed.id, f"it cannot be read within {SECONDS:g} s") from None
    if done.returncode or done.stdout:
        raise ManifestError(proposed.id, done.stdout.strip()[:500] or "it cannot be read")


def checked(proposed: ProposedPlaybook, taken: Collection[str]) -> None:
    """Its roles are not here, so it may name none: a reviewer may add them.

    :raises ManifestError: it is no playbook with a manifest, or one of that name is ``taken``
    """
    if proposed.id in taken:
        raise ManifestError(proposed.id, "the catalogue has a playbook of that name")
    for text in (proposed.playbook, proposed.manifest):
        _no_alias(proposed.id, text)
    with tempfile.TemporaryDirectory(prefix="aiops-review-") as folder:
        place = Path(folder) / "playbooks"
        place.mkdir()
        (place / f"{proposed.id}.yml").write_text(proposed.playbook, encoding="utf-8")
        (place / f"{proposed.id}.meta.yml").write_text(proposed.manifest, encoding="utf-8")
        plays = read(place / f"{proposed.id}.yml")
        if (
            not isinstance(plays, list)
            or not plays
            or not all(isinstance(play, dict) and "hosts" in play for play in plays)
        ):
            raise ManifestError(proposed.id, "a playbook is a list of plays, each with hosts")
        made = remediations.load(place)[proposed.id]
    if made.approval != "human":
        raise ManifestError(proposed.id, "a new playbook says approval: human")


def main() -> None:
    """Say what is wrong, or nothing."""
    asked = json.load(sys.stdin)
    try:
        checked(ProposedPlaybook.model_validate(asked["proposed"]), asked["taken"])
    except ManifestError as error:
        # The path is one of a folder that is gone by now.
        sys.stdout.write(error.reason)


def _no_alias(name: str, text: str) -> None:
    """An alias of an alias of an alias makes a thousand characters a document without end."""
    try:
        aliased = any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ManifestError(name, f"cannot be read: {str(error)[:300]}") from None
    if aliased:
        raise ManifestError(name, "it has YAML aliases; write out what is meant")
