"""Reads manifests, strictly."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiops.domain.remediation import Fix, Param, Remediation
from aiops.errors import ManifestError
from aiops.remediations.digest import digest
from aiops.remediations.params import objection
from aiops.remediations.strict_yaml import read

_MANIFEST = ".meta.yml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SOURCE = re.compile(r"host|subject|setting|evidence\.[a-z_]+|=.*")
_SPEC = frozenset({"short_description", "description", "author", "options", "examples", "aiops"})


def load(folder: Path) -> dict[str, Remediation]:
    """Read every playbook of the folder; its roles are in ``../roles``.

    :raises ManifestError: a manifest cannot be used, or a playbook has none
    """
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    stray = sorted(name for name in names if not name.endswith(".yml"))
    if stray or not names:
        raise ManifestError(
            str(folder), f"holds {', '.join(stray) or 'nothing'}; only playbooks and manifests belong here"
        )
    ids = {name.removesuffix(_MANIFEST) for name in names if name.endswith(_MANIFEST)}
    playbooks = {name.removesuffix(".yml") for name in names if not name.endswith(_MANIFEST)}
    for lonely in sorted(ids ^ playbooks):
        missing = f"{lonely}.yml" if lonely in ids else lonely + _MANIFEST
        raise ManifestError(str(folder / missing), "is missing: a playbook and its manifest come in pairs")
    catalogue = {name: _remediation(folder, name) for name in sorted(ids)}
    owner: dict[str, str] = {name: name for name in catalogue}
    for name, entry in catalogue.items():
        for alias in entry.aliases:
            if alias in owner:
                where = folder / (name + _MANIFEST)
                raise ManifestError(str(where), f"the alias {alias!r} is ambiguous: {owner[alias]} has that name too")
            owner[alias] = name
        for complaint in _undo(entry, catalogue):
            raise ManifestError(str(folder / (name + _MANIFEST)), f"aiops.undo: {complaint}")
    return catalogue


def _undo(entry: Remediation, catalogue: Mapping[str, Remediation]) -> Iterator[str]:
    """Why the way back that the manifest names is none."""
    if entry.undo is None:
        return
    back = catalogue.get(entry.undo.playbook)
    if back is None:
        yield f"there is no playbook {entry.undo.playbook!r}"
        return
    if back.undo or back.fixes:
        yield f"{back.id} fixes findings or is taken back itself: what takes back does nothing else"
    if back.approval != "human":
        yield f"{back.id} needs approval: human"
    if back.max_hosts < entry.max_hosts:
        yield f"{back.id} takes fewer hosts than {entry.id}"
    for param, source in entry.undo.params.items():
        if param not in back.params:
            yield f"{back.id} has no option {param!r}"
        if not source.startswith("=") and source not in entry.params:
            yield f"{source!r} is neither an option of {entry.id} nor =<text>"
    missing = sorted(name for name, param in back.params.items() if param.required and name not in entry.undo.params)
    if missing:
        yield f"does not say where {', '.join(missing)} comes from"


def resolve(catalogue: Mapping[str, Remediation], name: str) -> str:
    """The id behind an older name; the name itself where it is none, known or not."""
    if name in catalogue:
        return name
    return next((entry.id for entry in catalogue.values() if name in entry.aliases), name)


def names(catalogue: Mapping[str, Remediation]) -> frozenset[str]:
    """Every name under which a playbook may be asked for: ids and older names."""
    return frozenset(catalogue) | {alias for entry in catalogue.values() for alias in entry.aliases}


def _remediation(folder: Path, name: str) -> Remediation:
    path = folder / (name + _MANIFEST)
    whole = _mapping(path)
    _only(path, whole, {"short_description", "description", "argument_specs"}, "the manifest")
    specs = whole.get("argument_specs")
    if not isinstance(specs, dict) or list(specs) != [name]:
        raise ManifestError(str(path), f"argument_specs must hold {name!r} and nothing else")
    spec = specs[name]
    _only(path, spec, _SPEC, "the spec")
    block, options = spec.get("aiops"), spec.get("options")
    if not isinstance(block, dict) or not isinstance(options, dict):
        raise ManifestError(str(path), "the spec needs options: and aiops:, both of them mappings")
    _only(path, block, set(Remediation.model_fields) - {"id", "title", "description", "params", "digest"}, "aiops:")
    try:
        made = Remediation(
            id=name,
            title=whole.get("short_description", ""),
            description=whole.get("description", ""),
            params=options,
            digest=digest(folder, name),
            **block,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ManifestError(str(path), f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for complaint in _complaints(made):
        raise ManifestError(str(path), complaint)
    return made


def _complaints(made: Remediation) -> Iterator[str]:
    """What is wrong with a manifest although every field has the right type."""
    if not made.title or not made.description:
        yield "short_description and description say what the playbook does"
    yield from (f"aiops.aliases: {alias!r} is no name" for alias in made.aliases if not _NAME.fullmatch(alias))
    for name, param in made.params.items():
        if not _NAME.fullmatch(name) or name.startswith("ansible_"):
            yield f"options.{name}: no name for a parameter"
        yield from (f"options.{name}: {text}" for text in _option(param))
    if made.destructive and (made.approval != "human" or made.max_hosts != 1):
        yield "what is destructive needs approval: human and max_hosts: 1"
    kinds = [fix.kind for fix in made.fixes]
    if len(kinds) != len(set(kinds)):
        yield "aiops.fixes names a kind twice"
    for fix in made.fixes:
        yield from (f"aiops.fixes.{fix.kind}: {text}" for text in _fix(fix, made.params))


def _option(param: Param) -> Iterator[str]:
    if (param.type == "list") != (param.elements == "str"):
        yield "a list, and only a list, says elements: str"
    if param.type in ("str", "list") and not (param.pattern or param.choices):
        yield "a text needs a pattern or choices"
    if param.type == "int" and (param.minimum is None or param.maximum is None):
        yield "a number needs minimum and maximum"
    try:
        re.compile(param.pattern)
    except re.error as error:
        yield f"the pattern is no regular expression: {error}"
        return
    if param.required and param.default is not None:
        yield "is required and has a default"
    complaint = "" if param.default is None else objection(param, param.default)
    if complaint:
        yield f"the default {complaint}"


def _fix(fix: Fix, params: Mapping[str, Param]) -> Iterator[str]:
    for param, source in fix.params.items():
        if param not in params:
            yield f"there is no option {param!r}"
        if not _SOURCE.fullmatch(source):
            yield f"{source!r} is none of host, subject, setting, evidence.<key>, =<text>"
    missing = sorted(name for name, param in params.items() if param.required and name not in fix.params)
    if missing:
        yield f"does not say where {', '.join(missing)} comes from"


def _only(path: Path, value: Any, known: frozenset[str] | set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise ManifestError(str(path), f"{where} must be a mapping")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise ManifestError(str(path), f"{where} has unknown keys: {', '.join(unknown)}")


def _mapping(path: Path) -> dict[str, Any]:
    whole = read(path)
    if not isinstance(whole, dict):
        raise ManifestError(str(path), "is no mapping")
    return whole
