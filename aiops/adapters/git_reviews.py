"""New playbooks wait for a human as branches of a git repository. Nothing of them is run, and no branch but a new one is written."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from aiops import remediations
from aiops.adapters.git_repository import GitRepository
from aiops.domain.remediation import Remediation
from aiops.domain.session import ProposedPlaybook
from aiops.errors import ManifestError
from aiops.remediations.strict_yaml import read


class GitReviews:
    """Port ``Reviews``. ``folder`` is where the repository has its playbooks."""

    def __init__(self, repository: GitRepository, folder: str, catalogue: Mapping[str, Remediation]) -> None:
        self._repository, self._folder, self._catalogue = repository, folder.strip("/"), catalogue

    def offer(self, session: str, proposed: ProposedPlaybook) -> str:
        checked(proposed, self._catalogue)
        branch = f"session/{session}-{proposed.id}"
        files = {
            f"{self._folder}/{proposed.id}.yml": proposed.playbook,
            f"{self._folder}/{proposed.id}.meta.yml": proposed.manifest,
        }
        message = f"Propose {proposed.id}\n\n{proposed.reason}\n\nSession: {session}"
        self._repository.offer(branch, files, message)
        return branch


def checked(proposed: ProposedPlaybook, catalogue: Mapping[str, Remediation]) -> Remediation:
    """What the catalogue would make of it. Its roles are not here, so it may name none: a reviewer may add them.

    :raises ManifestError: it is no playbook with a manifest, or the catalogue has one of that name
    """
    if proposed.id in remediations.names(catalogue):
        raise ManifestError(proposed.id, "the catalogue has a playbook of that name")
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
    return made
