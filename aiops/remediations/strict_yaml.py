"""YAML in which a key that is there twice is an error."""

from pathlib import Path
from typing import Any

import yaml

from aiops.errors import ManifestError


def read(path: Path) -> Any:
    """The file's content.

    :raises ManifestError: it cannot be read
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader, only stricter
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ManifestError(str(path), f"cannot be read: {error}") from error


class _Loader(yaml.SafeLoader):
    """YAML lets a second key of the same name win in silence; here it is an error."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's own
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{', '.join(twice)} is there twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)
