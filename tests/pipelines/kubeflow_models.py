"""The models that `kfp-server-api` has of the bodies and answers of Kubeflow Pipelines' v2beta1 API.

What a test sends or answers is held against them, so that a field that does not exist, or has another type, fails it.
"""

import re
from datetime import datetime
from typing import Any

import kfp_server_api as api

PRIMITIVES = {"str": str, "int": int, "bool": bool, "float": float}
INTEGERS_AS_TEXT = {"max_concurrency"}  # int64, which JSON of protocol buffers has as text or number


def received(body: Any, model: type) -> Any:
    """The model of a request's body, which has only fields of the model."""
    check_fields(body, model.__name__)
    return api.ApiClient()._ApiClient__deserialize(body, model)


def check_fields(value: Any, kind: str, name: str = "") -> None:
    """Fail unless `value`, of JSON types, is of the type `kind` as the published API has it."""
    if value is None or kind == "object":
        return
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        assert isinstance(value, list), f"{name} is no list"
        for item in value:
            check_fields(item, match[1], name)
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        assert isinstance(value, dict), f"{name} is no mapping"
        for key, item in value.items():
            check_fields(item, match[1], f"{name}.{key}")
    elif kind == "datetime":
        datetime.fromisoformat(value)
    elif kind in PRIMITIVES:
        expected = (str, int) if name in INTEGERS_AS_TEXT else PRIMITIVES[kind]
        assert isinstance(value, expected), f"{name} = {value!r} is no {kind}"
    else:
        model = getattr(api, kind)
        if hasattr(model, "allowable_values"):
            assert value in model.allowable_values, f"{name} = {value!r} is none of {kind}"
            return
        assert isinstance(value, dict), f"{name} is no {kind}"
        fields = {model.attribute_map[each]: model.openapi_types[each] for each in model.openapi_types}
        for key, item in value.items():
            assert key in fields, f"{kind} has no field {key}"
            check_fields(item, fields[key], key)
