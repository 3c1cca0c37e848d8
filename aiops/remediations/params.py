"""A remediation's parameters: where they come from and what they may be. Nothing is ever coerced."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from aiops.domain.finding import Finding
from aiops.domain.remediation import Param, ParamValue, Remediation
from aiops.errors import RefusedError, UnknownError

MAX_TEXT = 1000
"""Characters in one value. The longest honest one is a path (PATH_MAX is 4096, but ours are short)."""
MAX_ITEMS = 100
"""Values in one list. A host with more leftovers than this needs a human."""

_JINJA = ("{{", "{%", "{#")
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
_JSON_TYPES = {"str": "string", "int": "integer", "bool": "boolean", "list": "array"}


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
        complaint = objection(param, value)
        if complaint:
            raise RefusedError("params", f"{remediation.id}: {name!r} {complaint}")
        checked[name] = value
    return checked


def bind(
    remediation: Remediation, finding: Finding, given: Mapping[str, ParamValue] | None = None
) -> dict[str, ParamValue]:
    """The parameters that the remediation takes from the finding: from where, the manifest says, and nobody else.

    :param given: what the operator says of the playbook on the finding's host
    :raises UnknownError: the remediation does not fix findings of this kind, or about this subject
    :raises RefusedError: ``params`` when finding and operator do not give what the manifest needs
    """
    fix = remediation.fix_for(finding.kind, finding.subject)
    if fix is None:
        raise UnknownError("fix", f"{remediation.id} for {finding.kind} of {finding.subject}")
    told = given or {}
    values = {
        param: told.get(param) if source == "setting" else _read(source, finding)
        for param, source in fix.params.items()
    }
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


def objection(param: Param, value: Any) -> str:
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
