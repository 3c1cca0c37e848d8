"""One git repository that is written by us alone on this machine: commits, and pushes them in order.

What is committed is kept; what is only written is not: a process killed between the two leaves a dirty tree, which the next
commit throws away. The commits that have not arrived are the queue, so nothing else has to be stored while the remote is down.
"""

import fcntl
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiops.adapters.git_process import run_git
from aiops.domain.record import Pushed
from aiops.errors import LedgerBusyError

LOCAL_SECONDS = 60.0
"""For a command that stays on this machine: seconds are usual, a full disk or a broken file system take longer."""
_PUSHED = "refs/aiops/pushed"
_STALE = ("index.lock", "HEAD.lock", "config.lock", "refs/heads/*.lock", "refs/aiops/*.lock")


@dataclass(frozen=True)
class Remote:
    """Where to push: an address that git knows, and for SSH a key and the hosts that are trusted. No key in a variable."""

    url: str
    branch: str = "main"
    key_file: Path | None = None
    known_hosts: Path | None = None
    seconds: float = 60.0

    def ssh_command(self) -> str:
        """What git calls: nobody is asked anything, no other key is offered, no unknown host is accepted."""
        known = str(self.known_hosts) if self.known_hosts else "/dev/null"
        options = {
            "BatchMode": "yes",
            "IdentitiesOnly": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": known,
            "GlobalKnownHostsFile": "/dev/null",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "10",
            "ServerAliveCountMax": "2",
            "ForwardAgent": "no",
        }
        words = [
            "ssh",
            "-F",
            "/dev/null",
            *[word for name, value in options.items() for word in ("-o", f"{name}={value}")],
        ]
        return shlex.join([*words, *(["-i", str(self.key_file)] if self.key_file else [])])


class GitFailedError(Exception):
    """A git command failed; only this file catches it."""


class GitRepository:
    """A folder with a working tree on one branch, with commits of ours by ``author`` (``Name <mail>``)."""

    def __init__(self, folder: Path, author: str, remote: Remote | None) -> None:
        self._folder, self._remote = folder, remote
        self._branch = remote.branch if remote else "main"
        name, _, mail = author.partition("<")
        self._identity = ("-c", f"user.name={name.strip()}", "-c", f"user.email={mail.rstrip('>').strip()}")

    def commit(self, files: Mapping[str, str], appended: Mapping[str, tuple[str, str]], message: str) -> None:
        """Commit whole files, and texts appended to files unless their mark stands there already.

        :raises LedgerBusyError: nothing was committed
        """
        try:
            with self._alone():
                self._clean()
                for name, text in files.items():
                    self._write(name, text)
                for name, (mark, text) in appended.items():
                    place = self._folder / name
                    before = place.read_text(encoding="utf-8") if place.exists() else ""
                    if mark not in before:
                        self._write(name, before + text)
                self._git("add", "--", *files, *appended)
                if self._git("status", "--porcelain"):
                    self._git("commit", "--quiet", "--no-gpg-sign", "--cleanup=verbatim", "-m", message)
        except (OSError, GitFailedError) as error:
            remedy = "Look at git there, at the folder's owner, and at the free space; it is tried again."
            raise LedgerBusyError(str(self._folder), str(error), remedy) from error

    def push(self) -> Pushed:
        """Send what has not arrived. Commits that somebody else pushed meanwhile are put before ours, never overwritten."""
        if self._remote is None or not (self._folder / ".git").exists():
            return Pushed()
        waiting = 0
        try:
            with self._alone():
                waiting = self._waiting()
                if not waiting:
                    return Pushed()
                self._clean()
                try:
                    self._send()
                except GitFailedError as error:
                    if not _others_came_first(str(error)):
                        raise
                    self._follow()
                    self._send()
        except (OSError, GitFailedError) as error:
            return Pushed(waiting=waiting, reason=f"{self._remote.url}: {error}")
        return Pushed(sent=waiting)

    def offer(self, branch: str, files: Mapping[str, str], message: str) -> None:
        """Push a new branch that adds the files to what is at the remote. Ours is left as it is; nothing is overwritten.

        :raises LedgerBusyError: the remote does not take it
        """
        assert self._remote  # noqa: S101 - only a repository with a remote is offered to
        where = (self._remote.url, f"refs/heads/{self._branch}")
        try:
            with self._alone():
                self._clean()
                self._git("fetch", "--quiet", "--no-tags", "--depth=1", "--", *where, seconds=self._remote.seconds)
                self._git("checkout", "--quiet", "--detach", "--force", "FETCH_HEAD")
                for name, text in files.items():
                    self._write(name, text)
                self._git("add", "--", *files)
                self._git("commit", "--quiet", "--no-gpg-sign", "--cleanup=verbatim", "-m", message)
                # An empty lease: the branch must not be there yet.
                lease = f"--force-with-lease=refs/heads/{branch}:"
                target = f"HEAD:refs/heads/{branch}"
                words = ("push", "--no-verify", "--quiet", lease, "--", self._remote.url, target)
                self._git(*words, seconds=self._remote.seconds)
        except (OSError, GitFailedError) as error:
            raise LedgerBusyError(self._remote.url, str(error), "Look at the remote and at the key.") from error

    def read(self, suffix: str, most: int) -> dict[str, str]:
        """The remote's files of that ending as text, at most so many bytes each; links and what is no text are passed over.

        :raises LedgerBusyError: the remote does not answer, or refuses us
        """
        with self._at_remote(depth=1):
            found: dict[str, str] = {}
            for entry in self._git("ls-tree", "-r", "-z", "--long", "HEAD").split("\0"):
                facts, _, name = entry.partition("\t")
                mode, _, _, size = facts.split() if name else ("", "", "", "")
                # Only plain files: a link in a stranger's tree leads out of it.
                if name.endswith(suffix) and mode in {"100644", "100755"} and size.isdigit() and int(size) <= most:
                    with suppress(UnicodeDecodeError):
                        found[name] = (self._folder / name).read_text(encoding="utf-8")
            return found

    def log(self, since: datetime, most: int = 500) -> list[tuple[str, str, str, str]]:
        """The remote's newest commits since then, merges left out: hash, moment, subject, body.

        :raises LedgerBusyError: the remote does not answer, or refuses us
        """
        with self._at_remote(depth=most):
            form = "--format=%H%x1f%cI%x1f%s%x1f%b%x1e"
            said = self._git("log", "--no-merges", f"--since={since.isoformat()}", f"--max-count={most}", form, "HEAD")
        # Python's strip takes separators for blanks, so an empty body at the end may have gone with them.
        rows = [[*record.strip("\n").split("\x1f"), ""] for record in said.split("\x1e") if record.strip()]
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    def has(self, branch: str) -> bool:
        """Whether the remote has a branch of that name.

        :raises LedgerBusyError: the remote does not answer, or refuses us
        """
        assert self._remote  # noqa: S101 - only a repository with a remote is asked
        with self._busy(), self._alone():
            self._clean()
            words = ("ls-remote", "--heads", "--", self._remote.url, f"refs/heads/{branch}")
            return bool(self._git(*words, seconds=self._remote.seconds))

    @contextmanager
    def _at_remote(self, depth: int) -> Iterator[None]:
        """The working tree as the remote's branch is now. Ours is not touched."""
        assert self._remote  # noqa: S101 - only a repository with a remote is read
        where = (self._remote.url, f"refs/heads/{self._branch}")
        with self._busy(), self._alone():
            self._clean()
            words = ("fetch", "--quiet", "--no-tags", f"--depth={depth}", "--", *where)
            self._git(*words, seconds=self._remote.seconds)
            self._git("checkout", "--quiet", "--detach", "--force", "FETCH_HEAD")
            yield

    @contextmanager
    def _busy(self) -> Iterator[None]:
        try:
            yield
        except (OSError, GitFailedError) as error:
            where = self._remote.url if self._remote else str(self._folder)
            raise LedgerBusyError(where, str(error), "Look at the remote and at the key.") from error

    def trailers(self, key: str) -> list[str]:
        """Every value of that trailer in the commits here, newest first."""
        if not (self._folder / ".git").exists():
            return []
        try:
            said = self._git("log", f"--format=%(trailers:key={key},valueonly)")
        except (OSError, GitFailedError):
            return []
        return said.split()

    def _waiting(self) -> int:
        if not self._knows("HEAD"):
            return 0
        span = f"{_PUSHED}..HEAD" if self._knows(_PUSHED) else "HEAD"
        return int(self._git("rev-list", "--count", span))

    def _send(self) -> None:
        assert self._remote  # noqa: S101 - the caller has looked
        target = f"HEAD:refs/heads/{self._branch}"
        self._git("push", "--no-verify", "--quiet", "--", self._remote.url, target, seconds=self._remote.seconds)
        self._git("update-ref", _PUSHED, "HEAD")

    def _follow(self) -> None:
        """Put our commits after what is at the remote."""
        assert self._remote  # noqa: S101 - the caller has looked
        where = (self._remote.url, f"refs/heads/{self._branch}")
        self._git("fetch", "--quiet", "--no-tags", "--", *where, seconds=self._remote.seconds)
        try:
            self._git("rebase", "--quiet", "--no-verify", "--committer-date-is-author-date", "FETCH_HEAD")
        except GitFailedError:
            self._git("rebase", "--abort")
            raise
        self._git("update-ref", _PUSHED, "FETCH_HEAD")

    def _clean(self) -> None:
        """A repository on our branch, as it was at the last commit, whatever a killed process left."""
        git = self._folder / ".git"
        for pattern in _STALE:
            for lock in git.glob(pattern):
                lock.unlink()
        self._git("init", "--quiet", f"--initial-branch={self._branch}")
        if any((git / name).exists() for name in ("rebase-merge", "rebase-apply")):
            self._git("rebase", "--abort")
        (git / "info").mkdir(exist_ok=True)
        # Two that append to one journal are both right.
        (git / "info" / "attributes").write_text("journal/*.md merge=union\n", encoding="utf-8")
        if self._knows("HEAD"):
            self._git("reset", "--quiet", "--hard")
        else:
            self._git("read-tree", "--empty")
        self._git("clean", "--quiet", "-ffd")

    def _knows(self, name: str) -> bool:
        try:
            self._git("rev-parse", "--quiet", "--verify", name)
        except GitFailedError:
            return False
        return True

    def _write(self, name: str, text: str) -> None:
        place = self._folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time, so that a lock of git's own that we find is stale."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _git(self, *words: str, seconds: float = LOCAL_SECONDS) -> str:
        """Run git by its arguments, with nothing of this process's environment and none of this machine's configuration."""
        argv = [
            "git",
            *self._identity,
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.fsync=all",
            "-c",
            "gc.auto=0",
            *words,
        ]
        ssh = self._remote.ssh_command() if self._remote else "false"
        try:
            code, said, complained = run_git(argv, self._folder, ssh, seconds)
        except TimeoutError:
            raise GitFailedError(f"git {words[0]} took more than {seconds:g} s") from None
        if code:
            raise GitFailedError(f"git {words[0]}: {' '.join(complained.split())[:400] or code}")
        return said.strip()


def _others_came_first(complaint: str) -> bool:
    return any(words in complaint for words in ("non-fast-forward", "fetch first", "[rejected]"))
