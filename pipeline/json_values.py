"""JSON as a type: what attributes of the store, annotations, manifests and answers of programs are made of."""

from collections.abc import Mapping, Sequence

Json = str | int | float | Mapping[str, "Json"] | Sequence["Json"] | None
"""Any JSON value."""

JsonObject = Mapping[str, Json]
"""A JSON object: values by name."""
