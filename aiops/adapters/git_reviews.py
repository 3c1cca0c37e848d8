"""New playbooks wait for a human as branches of a git repository. Nothing of them is run; only a new branch is written."""

from collections.abc import Mapping

from aiops import remediations
from aiops.adapters.git_repository import GitRepository
from aiops.adapters.playbook_check import check
from aiops.domain.remediation import Remediation
from aiops.domain.session import ProposedPlaybook


class GitReviews:
    """Port ``Reviews``. ``folder`` is where the repository has its playbooks."""

    def __init__(self, repository: GitRepository, folder: str, catalogue: Mapping[str, Remediation]) -> None:
        self._repository, self._folder, self._catalogue = repository, folder.strip("/"), catalogue

    def offer(self, session: str, proposed: ProposedPlaybook) -> str:
        check(proposed, remediations.names(self._catalogue))
        branch = f"session/{session}-{proposed.id}"
        files = {
            f"{self._folder}/{proposed.id}.yml": proposed.playbook,
            f"{self._folder}/{proposed.id}.meta.yml": proposed.manifest,
        }
        message = f"Propose {proposed.id}\n\n{proposed.reason}\n\nSession: {session}"
        self._repository.offer(branch, files, message)
        return branch
