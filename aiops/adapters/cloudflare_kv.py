"""The public site's figures: two values in a KV namespace of Cloudflare, checked against their schemas before they leave.

The token needs the one right "Workers KV Storage: Edit"; it is read for each request and stands in no message.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from jsonschema import Draft202012Validator

from aiops.adapters.json_api import NO_JSON, JsonApi
from aiops.errors import SettingsError

KEYS: Final = ("stats", "status")


@cache
def _validator(key: str) -> Draft202012Validator:
    place = resources.files("aiops") / "schemas" / f"site-{key}.schema.json"
    return Draft202012Validator(json.loads(place.read_text(encoding="utf-8")))


def check(key: str, value: Mapping[str, Any]) -> None:
    """Whether the site can read it: one nested value too many, and the whole page breaks.

    :raises SettingsError: it cannot; where and why
    """
    for error in _validator(key).iter_errors(value):
        raise SettingsError(f"site {key}{error.json_path.removeprefix('$')}", error.message[:200])
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise SettingsError(f"site {key}", f"it is no JSON: {error}") from None


class CloudflareKv:
    """Port ``Site``."""

    def __init__(self, api: JsonApi, account: str, namespace: str) -> None:
        self._api, self._folder = api, f"/accounts/{account}/storage/kv/namespaces/{namespace}/values"

    def get(self, key: str) -> Any:
        try:
            return self._api.find(f"{self._folder}/{key}")
        except SettingsError as error:
            if error.reason == NO_JSON:
                return None  # the site cannot read it either: what we push mends it
            raise

    def put(self, key: str, value: Mapping[str, Any]) -> None:
        check(key, value)
        answer = self._api.put(f"{self._folder}/{key}", value)
        if not (isinstance(answer, dict) and answer.get("success") is True):
            raise SettingsError(f"{self._api.name} {key}", "it did not say that it has taken the value")

    def check(self, key: str, value: Mapping[str, Any]) -> None:
        check(key, value)
