"""The part of Semaphore's published API that a repair uses, as JSON Schemas of our own: the test server holds both sides to it.

Nothing else is allowed in what is sent. ``BEYOND`` names what real servers have and the published file does not list.
"""

from typing import Any

from jsonschema import Draft202012Validator

BEYOND: dict[str, frozenset[str]] = {
    "TaskRequest": frozenset({"message", "params"}),
    "Task": frozenset({"message", "params", "commit_hash", "start", "end", "created", "project_id", "dry_run", "diff"}),
    "Template": frozenset({"task_params", "app", "type"}),
    "TaskOutput": frozenset({"id"}),
    "InfoType": frozenset(),
}

_INTEGER, _TEXT, _BOOL = {"type": "integer"}, {"type": "string"}, {"type": "boolean"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_PARAMS = {
    "type": "object",
    "properties": {
        "debug": _BOOL,
        "dry_run": _BOOL,
        "diff": _BOOL,
        "limit": {"type": "array", "items": _TEXT},
    },
    "additionalProperties": False,
}

SHAPES: dict[str, dict[str, Any]] = {
    "TaskRequest": {
        "type": "object",
        "required": ["template_id"],
        "properties": {
            "template_id": _INTEGER,
            "debug": _BOOL,
            "dry_run": _BOOL,
            "diff": _BOOL,
            "playbook": _TEXT,
            "environment": _TEXT,
            "limit": _TEXT,
            "git_branch": _TEXT,
            "message": _TEXT,
            "params": _PARAMS,
        },
        "additionalProperties": False,
    },
    "Task": {
        "type": "object",
        "required": ["id", "template_id", "status"],
        "properties": {
            "id": _INTEGER,
            "template_id": _INTEGER,
            "status": _TEXT,
            "debug": _BOOL,
            "playbook": _TEXT,
            "environment": _TEXT,
            "secret": _TEXT,
            "limit": _TEXT,
            "git_branch": _MAYBE_TEXT,
            "message": _TEXT,
            "params": _PARAMS,
            "commit_hash": _MAYBE_TEXT,
            "start": _MAYBE_TEXT,
            "end": _MAYBE_TEXT,
            "created": _TEXT,
            "project_id": _INTEGER,
            "dry_run": _BOOL,
            "diff": _BOOL,
        },
        "additionalProperties": False,
    },
    "TaskOutput": {
        "type": "object",
        "required": ["task_id", "time", "output"],
        "properties": {
            "id": _INTEGER,
            "task_id": _INTEGER,
            "task": _TEXT,
            "time": {"type": "string", "format": "date-time"},
            "output": _TEXT,
        },
        "additionalProperties": False,
    },
    "Template": {
        "type": "object",
        "required": ["id", "project_id", "name", "playbook"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "project_id": {"type": "integer", "minimum": 1},
            "inventory_id": {"type": "integer", "minimum": 1},
            "repository_id": _INTEGER,
            "environment_id": {"type": "integer", "minimum": 1},
            "view_id": {"type": "integer", "minimum": 1},
            "name": _TEXT,
            "playbook": _TEXT,
            "arguments": _TEXT,
            "description": _TEXT,
            "allow_override_args_in_task": _BOOL,
            "app": _TEXT,
            "type": _TEXT,
            "task_params": {"type": "object"},
        },
        "additionalProperties": False,
    },
    "InfoType": {
        "type": "object",
        "properties": {"version": _TEXT, "updateBody": _TEXT, "update": {"type": "object"}},
        "additionalProperties": False,
    },
}


def complaints(shape: str, value: Any) -> list[str]:
    """Where the value is not of that shape; a name ending in ``[]`` is a list of it."""
    name = shape.removesuffix("[]")
    schema = {"type": "array", "items": SHAPES[name]} if shape.endswith("[]") else SHAPES[name]
    return [f"{shape}: {error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]
