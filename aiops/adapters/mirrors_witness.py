"""Whether copies of git repositories hold what their originals hold."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from aiops.adapters.git_refs import Refs
from aiops.adapters.shape import unknown_question
from aiops.domain.guest import Guest
from aiops.domain.testimony import MirrorState, Testimony
from aiops.errors import AiopsError, SettingsError

_TOGETHER: Final = 4


@dataclass(frozen=True)
class Copy:
    """A repository, its copy, the host that keeps it up to date, and which refs it copies (shell patterns)."""

    name: str
    host: str
    source: str
    mirror: str
    patterns: tuple[str, ...] = ("refs/heads/*", "refs/tags/*")


class MirrorsWitness:
    """See ``aiops.ports.Witness``."""

    def __init__(self, copies: Sequence[Copy], home: str, refs: Refs) -> None:
        self._copies, self._refs = tuple(copies), refs
        self._home = Guest(name=home, address=home, source="mirrors")

    def ask(self, question: str, sweep: str) -> Testimony:  # noqa: ARG002 - whoever asks once per sweep is around us
        """See ``aiops.ports.Witness``. One repository that is not known hides no other one."""
        if question != "refs":
            raise unknown_question("mirrors", question)
        with ThreadPoolExecutor(max_workers=_TOGETHER, thread_name_prefix="mirrors") as pool:
            return Testimony(tuple(pool.map(self._compared, self._copies)), self._home)

    def _compared(self, copy: Copy) -> MirrorState:
        machine = Guest(name=copy.host, address=copy.host, source="mirrors")
        try:
            # The copy first: what is pushed to the original meanwhile is then seen as behind, and never as well.
            has, wanted = self._refs.show(copy.mirror), self._refs.show(copy.source)
            wanted = {ref: at for ref, at in wanted.items() if any(fnmatchcase(ref, one) for one in copy.patterns)}
            if not wanted:
                raise SettingsError(
                    copy.source, "it shows none of the refs that are copied: is this the right address?"
                )
        except AiopsError as error:
            return MirrorState(machine, copy.name, problem=str(error))
        missing = tuple(sorted(ref for ref in wanted if ref not in has))
        behind = tuple(sorted(ref for ref, at in wanted.items() if has.get(ref, at) != at))
        return MirrorState(machine, copy.name, len(wanted), missing, behind)
