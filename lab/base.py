"""One cached Debian root per release, which every host of every lab has as its lowest layer.

A base is built in a folder of its own and renamed when it is complete, so a folder with the right name is whole.
"""

import fcntl
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lab import cgroups, recipe, sources
from lab.errors import LabError

MAX_AGE = 14 * 86400  # seconds: older than this it lacks security updates a real fleet would have
KEPT = 3  # bases of one release: two checkouts of this project do not rebuild each other's away
Progress = Callable[[str], None]


def cache() -> Path:
    """The folder of the bases: AIOPS_LAB_CACHE, or /var/cache/aiops-lab."""
    return Path(os.environ.get("AIOPS_LAB_CACHE") or "/var/cache/aiops-lab")


def ready(release: str) -> Path | None:
    """The root of a usable base of `release`, if the cache has one: right recipe, young enough, complete."""
    for folder in sorted(cache().glob(f"{release}-{recipe.digest()}-*"), reverse=True):
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            built = datetime.fromisoformat(manifest["built"]).timestamp()
        except (OSError, ValueError, KeyError):
            continue
        if time.time() - built < MAX_AGE:
            return folder / "root"
    return None


def ensure(release: str, progress: Progress, used: frozenset[str] = frozenset()) -> Path:
    """The root of a usable base of `release`, built first when the cache has none.

    The oldest bases of the release are removed then, but for those in `used`, which running labs stand on.
    Raises LabError when the release is unknown or the build fails; then the cache is as it was before.
    """
    if release not in sources.RELEASES:
        raise LabError(f"unknown release {release!r}: one of {', '.join(sources.RELEASES)}")
    if found := ready(release):
        return found
    cache().mkdir(parents=True, exist_ok=True)
    with _locked(cache() / f"{release}.lock", progress):
        if found := ready(release):  # another process built it while this one waited
            return found
        return _build(release, progress, used)


@contextmanager
def _locked(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process builds this base; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _killable(release: str) -> Iterator[None]:
    """Everything started in this block can be found and killed by `clear`, also when this process was killed."""
    before = cgroups.own()
    cgroups.enter(_group(release))
    try:
        yield
    finally:
        cgroups.enter(before)
        cgroups.destroy(_group(release))
        cgroups.remove_root_if_unused()


def _group(release: str) -> Path:
    return cgroups.building(f"{release}-{zlib.crc32(os.fsencode(cache())):08x}")


def clear() -> None:
    """End the builds whose `up` was killed, and remove what they had made; those still at work go on."""
    for release in sources.RELEASES:
        partial = _partial(release)
        if not partial.is_dir() and not _group(release).is_dir():
            continue
        with (cache() / f"{release}.lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _discard(release)


def _discard(release: str) -> None:
    cgroups.destroy(_group(release))
    if _partial(release).is_dir():
        shutil.rmtree(_partial(release))


def _partial(release: str) -> Path:
    return cache() / f"{release}-partial"


def _build(release: str, progress: Progress, used: frozenset[str]) -> Path:
    started = time.monotonic()
    _discard(release)
    partial = _partial(release)
    partial.mkdir()
    root = partial / "root"
    try:
        with _killable(release):
            progress(f"base {release}: downloading and installing {len(recipe.PACKAGES)} packages (about 30 s, once)")
            recipe.bootstrap(release, root)
            progress(f"base {release}: own apt repository, services, configuration")
            recipe.customise(root)
        now = datetime.now(UTC)
        manifest = {
            "release": release,
            "recipe": recipe.digest(),
            "built": now.isoformat(timespec="seconds"),
            "packages": dict(sorted(recipe.installed(root).items())),
        }
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        _forget_old(release, used)
        final = cache() / f"{release}-{recipe.digest()}-{now:%Y%m%dT%H%M%S}"
        partial.rename(final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    progress(f"base {release}: ready after {time.monotonic() - started:.0f} s")
    return final / "root"


def _forget_old(release: str, used: frozenset[str]) -> None:
    manifests = cache().glob(f"{release}-*/manifest.json")
    newest_first = sorted(manifests, key=lambda manifest: manifest.stat().st_mtime, reverse=True)
    for manifest in newest_first[KEPT - 1 :]:
        if str(manifest.parent / "root") not in used:
            shutil.rmtree(manifest.parent)
