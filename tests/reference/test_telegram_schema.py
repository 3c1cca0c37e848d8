"""The Bot API of the tests against the published one: no method or parameter is invented, none that is required is left out."""

import json

from tests.reference import FOLDER
from tests.voice.telegram_server import PARAMETERS


def test_every_method_of_the_test_server_has_the_published_parameters() -> None:
    published = json.loads((FOLDER / "specs" / "telegram" / "api.min.json").read_text(encoding="utf-8"))["methods"]
    for method, parameters in PARAMETERS.items():
        fields = {field["name"]: field["required"] for field in published[method].get("fields", [])}
        assert set(parameters) <= set(fields), method
        assert {name for name, needed in fields.items() if needed} <= {
            n for n, needed in parameters.items() if needed
        }, method
