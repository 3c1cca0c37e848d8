"""mirrors: copies of git repositories that do not hold what their originals hold.

Looks for
    Branches and tags of the original that the copy lacks or has at another commit, by what both servers show (``git
    ls-remote``; ``[[mirrors.repositories]]``). Nothing is fetched and nothing is written.

Thresholds
    ``behind_hours`` 24: from then on it is a warning, before that only noted. Forgejo copies every eight hours unless told
    otherwise, so three rounds were missed. An open incident is looked at every quarter of an hour, so the hours are real ones.

Looks alike but is benign
    What was pushed since the copy's last round: it is noted, and gone with the next round. Refs that only the copy has, such as
    branches deleted at the original. Refs that no pattern names (pull requests). A server that does not answer, or an original
    without any ref, is *not* fine: it is blind.
"""

from collections.abc import Iterator

from aiops.detectors import Detector, Subject
from aiops.domain.finding import Finding, Kind
from aiops.domain.severity import Severity
from aiops.domain.testimony import MirrorState, Told
from aiops.probes import UnreadableError
from aiops.probes.mirrors import REFS

DETECTOR = Detector(
    "mirrors",
    "Copies of git repositories",
    kinds=[Kind(name="mirrors.behind", sentence="a copy of a git repository does not hold what its original holds")],
    thresholds={"behind_hours": 24},
)

_SHOWN = 20


@DETECTOR.check(REFS, kinds=["mirrors.behind"])
def behind(host: Subject, told: tuple[Told, ...]) -> Iterator[Finding]:
    """One finding a copy; what is not known of one hides no other one."""
    unknown = []
    for copy in told:
        if not isinstance(copy, MirrorState):
            continue
        if copy.problem:
            unknown.append(f"{copy.name}: {copy.problem}")
        elif copy.missing or copy.behind:
            lacks = f"lacks {len(copy.missing)} and is behind on {len(copy.behind)} of {copy.refs} branches and tags"
            found = host.finding(
                "mirrors.behind",
                copy.name,
                Severity.INFO,
                f"the copy of {copy.name} {lacks}",
                cause=f"mirror:{copy.name}",
                repository=copy.name,
                missing=list(copy.missing[:_SHOWN]),
                behind=list(copy.behind[:_SHOWN]),
            )
            yield found.model_copy(update={"ripens": {Severity.WARNING: float(host.settings["behind_hours"])}})
    if unknown:
        raise UnreadableError("; ".join(unknown), "check the addresses, the key and the hosts in [mirrors]")


@DETECTOR.show(REFS)
def figures(told: tuple[Told, ...]) -> dict[str, str]:
    """How many copies hold everything."""
    copies = [copy for copy in told if isinstance(copy, MirrorState)]
    whole = sum(not (copy.problem or copy.missing or copy.behind) for copy in copies)
    return {"git copies": f"{whole} of {len(copies)} hold everything"} if copies else {}
