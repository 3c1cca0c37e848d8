"""What a message has to look like, byte for byte, before Celery may touch it.

Kombu and Celery believe that whatever lies in a queue was put there by one of them: bytes that are no JSON, a message without a
delivery tag, a task name that is a list end the whole worker. Anyone who may push to a queue could crash-loop its domain so.
"""

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

LARGEST: Final = 16 * 1024 * 1024
"""Bytes. The largest message of ours, a shard's sweep at the limits of ``aiops.domain.sweep``, is a few megabytes."""

_Text = Annotated[str, Field(max_length=1000)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


def _base64(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    return text


def _moment(text: Any) -> Any:
    if isinstance(text, str):
        datetime.fromisoformat(text)
    return text


_Moment = Annotated[str, Field(max_length=40), BeforeValidator(_moment)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _DeliveryInfo(_Part):
    exchange: _Text
    routing_key: _Text


class _Properties(_Part):
    delivery_tag: _Name
    delivery_info: _DeliveryInfo
    body_encoding: Literal["base64"]
    correlation_id: _Text | None = None
    reply_to: _Text | None = None
    priority: Annotated[int, Field(ge=0, le=255)] | None = None
    delivery_mode: Annotated[int, Field(ge=1, le=2)] = 2


class _Headers(_Part):
    """Celery's message protocol 2."""

    task: _Name
    id: _Name
    lang: _Text = "py"
    root_id: _Text | None = None
    parent_id: _Text | None = None
    group: _Text | None = None
    group_index: int | None = None
    argsrepr: str | None = None
    kwargsrepr: str | None = None
    origin: _Text | None = None
    shadow: _Text | None = None
    eta: _Moment | None = None
    expires: _Moment | None = None
    retries: Annotated[int, Field(ge=0, le=1000)] | None = None
    timelimit: Annotated[list[float | None], Field(min_length=2, max_length=2)] | None = None
    ignore_result: bool | None = None
    replaced_task_nesting: Annotated[int, Field(ge=0, le=1000)] | None = None
    stamped_headers: None = None
    stamps: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    incident: _Text | None = None


class _Message(_Part):
    body: Annotated[str, BeforeValidator(_base64)]
    content_type: Annotated[Literal["application/json"], Field(alias="content-type")]
    content_encoding: Annotated[Literal["utf-8"], Field(alias="content-encoding")]
    headers: _Headers
    properties: _Properties


def fault(raw: bytes) -> str | None:
    """Why these bytes are no message, in a few words that repeat nothing of them; None when they are one."""
    if len(raw) > LARGEST:
        return f"it is larger than {LARGEST} bytes"
    try:
        _Message.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        # Only names of our own fields: an unknown key never stands in an error, extra fields are let be.
        return f"{'.'.join(str(part) for part in first['loc']) or 'it'}: {first['type']}"
    return None
