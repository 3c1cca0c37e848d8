"""YAML in which a key that is there twice is an error."""

from pathlib import Path
from typing import Any, Final

import yaml

from aiops.errors import ManifestError

_DEEPEST: Final = 100
"""Levels; a playbook of ours has at most ten. The parser in C dies of some ten thousand, and an agent may propose a playbook."""


def read(path: Path) -> Any:
    """The file's content.

    :raises ManifestError: it cannot be read
    """
    try:
        text = path.read_text(encoding="utf-8")
        _no_deeper_than_sane(text)
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, only stricter
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(str(path), f"cannot be read: {error}") from error


def _no_deeper_than_sane(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"is nested deeper than {_DEEPEST} levels")


# The parser in C, where PyYAML was built with it, is ten times faster: every start of a worker reads all manifests and roles.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """YAML lets a second key of the same name win in silence; here it is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} is there twice", node.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found
