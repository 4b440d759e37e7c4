"""JSON as a type: what attributes of the store, annotations, manifests and answers of programs are made of."""

import json
from collections.abc import Mapping, Sequence

Json = str | int | float | Mapping[str, "Json"] | Sequence["Json"] | None
"""Any JSON value."""

JsonObject = Mapping[str, Json]
"""A JSON object: values by name."""


def parse_object(text: str | bytes) -> dict[str, Json]:
    """A JSON text that holds an object.

    Raises
    ------
    ValueError
        It is no JSON, or no object.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object was expected, and it is {type(found).__name__}")
    return found


def object_in(values: JsonObject, name: str) -> JsonObject:
    """The object under a name; an empty one where it is missing.

    Raises
    ------
    ValueError
        What stands there is no object.
    """
    found = values.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise ValueError(f"{name} is {found!r}, and a JSON object was expected")
    return found


def text_in(values: JsonObject, name: str) -> str:
    """The text under a name; empty where it is missing, and what stands there as text where it is none."""
    found = values.get(name)
    return "" if found is None else str(found)
