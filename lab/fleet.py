"""Labs come up and go down; what a lab leaves in the world, and what `down` takes back."""

import contextlib
import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from lab import base, cgroups, keeper, published
from lab.errors import LabError
from lab.model import Account, Host, Spec
from lab.run import require

LOCK = Path("/run/lock/aiops-lab.lock")
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Wish:
    """What `up` was asked for, before slot and base are known."""

    name: str
    release: str
    hosts: tuple[Host, ...]
    accounts: tuple[Account, ...] = ()
    folder: Path | None = None
    die_with: int | None = None

    @property
    def where(self) -> Path:
        """The folder for the lab's files."""
        return (self.folder or published.default_folder(self.name)).absolute()


def up(wish: Wish, progress: base.Progress) -> dict[str, object]:
    """Bring the lab up, or find that it is; return what `lab.json` says. Raises LabError.

    What a killed predecessor left under the same name is taken down first.
    """
    require()
    if wish.die_with is not None and not Path(f"/proc/{wish.die_with}").exists():
        raise LabError(f"--die-with {wish.die_with}: there is no such process")
    root = base.ensure(wish.release, progress, _bases_in_use())
    with _lock():
        if (state := _running(wish, root)) is not None:
            progress(f"lab {wish.name} is up already")
        else:
            _down(wish.name, wish.where)
            group = cgroups.create(wish.name)
            try:
                state = _start(wish, group, root)
            except BaseException:
                _down(wish.name, wish.where)
                raise
    if wish.die_with is not None:
        _watch(wish.name, wish.die_with)
    return state


def down(names: Sequence[str] | None) -> list[str]:
    """Take down the labs of these names (all when None) and return the names there was something of."""
    require()
    with _lock():
        base.clear()
        if names is None:
            names = [group.name for group in cgroups.labs()]
        done = [name for name in names if _down(name, published.default_folder(name))]
        cgroups.remove_root_if_unused()
    return done


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _running(wish: Wish, root: Path) -> dict[str, object] | None:
    group = cgroups.find(wish.name)
    if group is None or not cgroups.processes(group.host(cgroups.KEEPER)):
        return None
    state = published.state_of(group)
    if state is None:
        return None
    have = Spec.load(json.dumps(state["spec"]))
    want = replace(have, release=wish.release, hosts=wish.hosts, accounts=wish.accounts)
    if not have.same_fleet(want):
        raise LabError(f"lab {wish.name} is up with other hosts or accounts: `lab down --name {wish.name}` first")
    if have.folder != str(wish.where):
        raise LabError(f"lab {wish.name} is up with its files in {have.folder}: `lab down --name {wish.name}` first")
    if have.base != str(root):
        return None
    alive = all(cgroups.processes(group.host(host.name)) for host in have.hosts)
    return state if alive else None


def _bases_in_use() -> frozenset[str]:
    states = (published.state_of(group) for group in cgroups.labs())
    return frozenset(Spec.load(json.dumps(state["spec"])).base for state in states if state is not None)


def _start(wish: Wish, group: cgroups.LabGroup, root: Path) -> dict[str, object]:
    folder = wish.where
    published.claim(folder)
    published.label(group, folder)
    cgroups.raise_inotify_limit()
    spec = Spec(wish.name, group.slot, wish.release, str(root), str(folder), wish.hosts, wish.accounts)
    with (folder / "keeper.log").open("ab") as log:
        process = subprocess.Popen(
            _detached(keeper.__name__, spec.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=PROJECT,
            text=True,
        )
    process.wait()  # for setsid alone: the keeper is nobody's child, so it leaves no zombie with a long-lived caller
    talk, listen = _pipes(process)
    with talk, listen:
        talk.write(spec.dump() + "\n")
        talk.flush()
        line = listen.readline()
        if not line:
            raise LabError(f"the keeper died: {(folder / 'keeper.log').read_text(encoding='utf-8')[-2000:].strip()}")
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(answer["error"])
        state = published.write(spec, answer)
        talk.write(keeper.GO + "\n")
    return state


def _pipes(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None:
        raise LabError("the keeper has no pipes")
    return process.stdin, process.stdout


def _watch(name: str, pid: int) -> None:
    subprocess.run(
        _detached("lab", "reap", "--name", name, "--pid", str(pid)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
        check=True,
    )


def _detached(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of the lab in a session and a process tree of its own."""
    return ["setsid", "--fork", sys.executable, "-m", module, *arguments]


def _down(name: str, folder: Path) -> bool:
    group = cgroups.find(name)
    if group is not None:
        folder = published.folder_of(group)
        cgroups.destroy(group.path)
    had_files = published.remove(folder)
    cgroups.remove_root_if_unused()
    return group is not None or had_files
