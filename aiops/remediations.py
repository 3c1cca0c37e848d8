"""The catalogue of remediations, read from ``ansible/playbooks/<id>.meta.yml``, and the check of every parameter.

A manifest is Ansible's own argument-spec file for plays with an ``aiops:`` block inside the spec. What it says is taken
literally: a field we do not know, a string without a pattern or a playbook without a manifest is an error.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from aiops.domain.finding import Finding
from aiops.domain.remediation import Fix, Param, ParamValue, Remediation
from aiops.errors import ManifestError, RefusedError, UnknownError

SHIPPED = Path(__file__).resolve().parents[1] / "ansible" / "playbooks"
"""The catalogue of this repository."""
MAX_TEXT = 1000
"""Characters in one value. The longest honest one is a path (PATH_MAX is 4096, but ours are short)."""
MAX_ITEMS = 100
"""Values in one list. A host with more leftovers than this needs a human."""

_MANIFEST = ".meta.yml"
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SOURCE = re.compile(r"host|subject|evidence\.[a-z_]+|=.*")
_JINJA = ("{{", "{%", "{#")
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_SPEC = frozenset({"short_description", "description", "author", "options", "examples", "aiops"})
_LOOSE = frozenset(
    {"import_playbook", "include_tasks", "import_tasks", "include_vars", "vars_files", "vars_prompt", "script"}
)
_ROLE = frozenset({"include_role", "import_role"})
_JSON_TYPES = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}


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
    return {name: _remediation(folder, name) for name in sorted(ids)}


def check_params(remediation: Remediation, params: Mapping[str, Any]) -> dict[str, ParamValue]:
    """The complete parameters, with defaults. Nothing is coerced.

    :raises RefusedError: ``params`` when one is unknown, missing, or not exactly what the manifest allows
    """
    unknown = sorted(set(params) - set(remediation.params))
    if unknown:
        raise RefusedError("params", f"{remediation.id} has no parameter {', '.join(map(repr, unknown))}")
    checked: dict[str, ParamValue] = {}
    for name, param in remediation.params.items():
        value = params.get(name, param.default)
        if value is None:
            if param.required or name in params:
                raise RefusedError("params", f"{remediation.id} needs {name!r}")
            continue
        objection = _objection(param, value)
        if objection:
            raise RefusedError("params", f"{remediation.id}: {name!r} {objection}")
        checked[name] = value
    return checked


def bind(remediation: Remediation, finding: Finding) -> dict[str, ParamValue]:
    """The parameters that the remediation takes from the finding: from where, the manifest says, and nobody else.

    :raises UnknownError: the remediation does not fix findings of this kind
    :raises RefusedError: ``params`` when the finding does not hold what the manifest needs
    """
    fix = next((fix for fix in remediation.fixes if fix.kind == finding.kind), None)
    if fix is None:
        raise UnknownError("fix", f"{remediation.id} for {finding.kind}")
    values = {param: _read(source, finding) for param, source in fix.params.items()}
    return check_params(remediation, {param: value for param, value in values.items() if value is not None})


def schema_for_llm(remediation: Remediation) -> dict[str, Any]:
    """The parameters as a JSON Schema in which nothing else is allowed."""
    return {
        "type": "object",
        "description": remediation.description,
        "properties": {name: _schema(param) for name, param in remediation.params.items()},
        "required": [name for name, param in remediation.params.items() if param.required],
        "additionalProperties": False,
    }


def _remediation(folder: Path, name: str) -> Remediation:
    path = folder / (name + _MANIFEST)
    whole = _yaml(path)
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
            digest=_digest(folder, name),
            **block,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ManifestError(str(path), f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for objection in _objections(made):
        raise ManifestError(str(path), objection)
    return made


def _objections(made: Remediation) -> Iterator[str]:
    """What is wrong with a manifest although every field has the right type."""
    if not made.title or not made.description:
        yield "short_description and description say what the playbook does"
    for name, param in made.params.items():
        if not _NAME.fullmatch(name) or name.startswith("ansible_"):
            yield f"options.{name}: no name for a parameter"
        yield from (f"options.{name}: {text}" for text in _option(param))
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
    objection = None if param.default is None else _objection(param, param.default)
    if objection:
        yield f"the default {objection}"


def _fix(fix: Fix, params: Mapping[str, Param]) -> Iterator[str]:
    for param, source in fix.params.items():
        if param not in params:
            yield f"there is no option {param!r}"
        if not _SOURCE.fullmatch(source):
            yield f"{source!r} is none of host, subject, evidence.<key>, =<text>"
    missing = sorted(name for name, param in params.items() if param.required and name not in fix.params)
    if missing:
        yield f"does not say where {', '.join(missing)} comes from"


def _objection(param: Param, value: Any) -> str:
    """Why the value is not allowed, or nothing."""
    match param.type:
        case "list":
            return _list(param, value)
        case "str":
            return _text(param, value)
        case "bool":
            return "" if isinstance(value, bool) else "must be true or false"
        case _:
            return _number(param, value)


def _number(param: Param, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        return "must be a whole number"
    low, high = param.minimum, param.maximum
    outside = (low is not None and value < low) or (high is not None and value > high)
    return f"must be from {low} to {high}" if outside else ""


def _list(param: Param, value: Any) -> str:
    if not isinstance(value, list) or not value or len(value) > MAX_ITEMS:
        return f"must be a list of 1 to {MAX_ITEMS} values"
    if len(set(map(repr, value))) != len(value):
        return "names something twice"
    return next((text for item in value if (text := _text(param, item))), "")


def _text(param: Param, value: Any) -> str:
    if not isinstance(value, str):
        return "must be a text"
    checks = (
        (len(value) > MAX_TEXT, f"is longer than {MAX_TEXT} characters"),
        (any(mark in value for mark in _JINJA), "holds a template"),
        (any(unicodedata.category(letter) in _INVISIBLE for letter in value), "holds an invisible character"),
        (param.choices and value not in param.choices, f"must be one of {', '.join(param.choices)}"),
        (param.pattern and not re.fullmatch(param.pattern, value[:MAX_TEXT]), f"must match {param.pattern}"),
    )
    return next((text for bad, text in checks if bad), "")


def _read(source: str, finding: Finding) -> Any:
    if source.startswith("="):
        return source[1:]
    if source.startswith("evidence."):
        return finding.evidence.get(source.removeprefix("evidence."))
    return getattr(finding, source)


def _schema(param: Param) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": _JSON_TYPES[param.type], "description": param.description}
    if param.default is not None:
        schema["default"] = param.default
    text = schema
    if param.type == "list":
        schema |= {"minItems": 1, "maxItems": MAX_ITEMS, "uniqueItems": True}
        text = schema["items"] = {"type": "string"}
    if param.choices:
        text["enum"] = list(param.choices)
    if param.pattern:
        text["pattern"] = f"^(?:{param.pattern})$"
    if param.type == "int":
        schema |= {"minimum": param.minimum, "maximum": param.maximum}
    return schema


def _digest(folder: Path, name: str) -> str:
    """SHA-256 over playbook, manifest and every file of every role they reach: one changed letter is another playbook."""
    files = [folder / f"{name}.yml", folder / (name + _MANIFEST)]
    for role in sorted(_roles(folder.parent / "roles", folder / f"{name}.yml")):
        files += [path for path in (folder.parent / "roles" / role).rglob("*") if path.is_file()]
    total = hashlib.sha256()
    for path in sorted(files):
        content = path.read_bytes()
        total.update(f"{path.relative_to(folder.parent)}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def _roles(roles: Path, playbook: Path) -> set[str]:
    """The roles a playbook reaches.

    :raises ManifestError: it names one that is not there, or reads a file that the digest would not cover
    """
    found: set[str] = set()
    waiting = [(playbook, name) for name in _named(playbook, _load(playbook), loose=False)]
    while waiting:
        path, role = waiting.pop()
        if role in found:
            continue
        if not (roles / role).is_dir():
            raise ManifestError(str(path), f"there is no role {role!r} in {roles}")
        found.add(role)
        for inner in (roles / role).rglob("*.yml"):
            waiting += [(inner, name) for name in _named(inner, _load(inner), loose=True)]
    return found


def _named(path: Path, value: Any, *, loose: bool) -> Iterator[str]:
    """Every role named anywhere in a YAML document."""
    if isinstance(value, list):
        for item in value:
            yield from _named(path, item, loose=loose)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        word = str(key).removeprefix("ansible.builtin.")
        if word in _LOOSE and not loose:
            raise ManifestError(str(path), f"{word} reads a file that the digest does not cover; use a role")
        if word in ("roles", "dependencies") and isinstance(inner, list):
            yield from (
                str(item.get("role", item.get("name"))) if isinstance(item, dict) else str(item) for item in inner
            )
        elif word in _ROLE and isinstance(inner, dict):
            yield str(inner.get("name"))
        else:
            yield from _named(path, inner, loose=loose)


def _only(path: Path, value: Any, known: frozenset[str] | set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise ManifestError(str(path), f"{where} must be a mapping")
    unknown = sorted(str(key) for key in value if key not in known)
    if unknown:
        raise ManifestError(str(path), f"{where} has unknown keys: {', '.join(unknown)}")


def _yaml(path: Path) -> dict[str, Any]:
    whole = _load(path)
    if not isinstance(whole, dict):
        raise ManifestError(str(path), "is no mapping")
    return whole


def _load(path: Path) -> Any:
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
