"""Checking manifests offline, as strictly as an API server: core kinds, custom resources, their CEL rules.

Needs the packages of ``semcorpus[kubernetes]``. What no schema says is in `operator_rules`.
"""

import functools
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import celpy
import celpy.adapter
import celpy.celparser
import celpy.evaluation
import jsonschema
import kubernetes_validate
import yaml

from pipeline.deployment.manifests import Manifest, Problem, name_of
from pipeline.errors import DeploymentError

_KUBERNETES = "1.34"
# Fields that a schema of the API server may have and that JSON Schema would read otherwise or not at all.
_DROPPED = ("format", "default", "description", "allOf", "oneOf", "not", "nullable")
_METADATA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "generateName": {"type": "string"},
        "namespace": {"type": "string"},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


@dataclass(frozen=True, slots=True)
class CustomResources:
    """Schemas of custom resources, by apiVersion and kind."""

    schemas: Mapping[tuple[str, str], Manifest]

    @classmethod
    def read(cls, places: Sequence[Path]) -> "CustomResources":
        """From files of CustomResourceDefinitions, ``.yaml`` or ``.yaml.gz``, and folders of such.

        Raises
        ------
        DeploymentError
            A place holds none.
        """
        schemas: dict[tuple[str, str], Manifest] = {}
        for place in places:
            found = dict(_definitions(place))
            if not found:
                raise DeploymentError(f"There is no CustomResourceDefinition (*.yaml, *.yaml.gz) at {place}.")
            schemas.update(found)
        return cls(schemas)

    def knows(self, manifest: Manifest) -> bool:
        """Whether a schema of this kind is here."""
        return (manifest["apiVersion"], manifest["kind"]) in self.schemas

    def problems(self, manifest: Manifest) -> list[Problem]:
        """What the schema and its CEL rules have against a manifest; kinds that are not here count as one problem."""
        schema = self.schemas.get((manifest["apiVersion"], manifest["kind"]))
        if schema is None:
            what = f"no schema of {manifest['apiVersion']} {manifest['kind']} is at hand"
            return [Problem(name_of(manifest), "", what)]
        found = [
            Problem(name_of(manifest), _dotted(error.absolute_path), error.message[:300])
            for error in jsonschema.Draft202012Validator(schema).iter_errors(manifest)
        ]
        # As the API server: rules are asked only of what has the right shape.
        return found or [Problem(name_of(manifest), where, what) for where, what in _broken_rules(schema, manifest, "")]


def core_problems(manifest: Manifest) -> list[Problem]:
    """What Kubernetes' own schema has against a manifest of a core kind; unknown fields count."""
    try:
        kubernetes_validate.validate(manifest, _KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [Problem(name_of(manifest), _dotted(error.path), str(error.message)[:300])]
    except (kubernetes_validate.SchemaNotFoundError, kubernetes_validate.InvalidSchemaError) as error:
        what = f"Kubernetes {_KUBERNETES} has no {manifest['apiVersion']} {manifest['kind']} ({type(error).__name__})"
        return [Problem(name_of(manifest), "", what)]
    return []


def is_core(manifest: Manifest) -> bool:
    """Whether a kind is Kubernetes' own: its group has no dot, or ends in ``.k8s.io``."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


def _definitions(place: Path) -> Iterator[tuple[tuple[str, str], Manifest]]:
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yaml.gz")]) if place.is_dir() else [place]
    for path in files:
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except OSError as error:
            raise DeploymentError(f"{path} cannot be read: {error.strerror or error}.") from error
        # These files are long, and the C loader reads them ten times faster.
        for document in yaml.load_all(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if document and document.get("kind") == "CustomResourceDefinition":
                yield from _versions(document["spec"])


def _versions(spec: Manifest) -> Iterator[tuple[tuple[str, str], Manifest]]:
    for version in spec["versions"]:
        if version["served"]:
            schema = _closed(version["schema"]["openAPIV3Schema"])
            properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, **schema["properties"]}
            schema["properties"] = {**properties, "metadata": _METADATA}
            schema["required"] = [*schema.get("required", ()), "spec"]
            yield (f"{spec['group']}/{version['name']}", spec["names"]["kind"]), schema


def _closed(schema: Manifest) -> dict[str, Any]:
    """A structural schema as JSON Schema that refuses unknown fields, as ``--validate=strict`` does."""
    closed = {key: value for key, value in schema.items() if key not in _DROPPED}
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("anyOf", None)
        closed["type"] = ["integer", "string"]
    elif schema.get("nullable") and "type" in schema:
        closed["type"] = [schema["type"], "null"]
    if "properties" in closed:
        closed["properties"] = {name: _closed(inner) for name, inner in closed["properties"].items()}
        if not closed.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in closed:
            closed["additionalProperties"] = False
    for key in ("additionalProperties", "items"):
        if isinstance(closed.get(key), dict):
            closed[key] = _closed(closed[key])
    return closed


def _broken_rules(schema: Manifest, value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every CEL rule of the schema that the value breaks, with its place and message."""
    for rule in schema.get("x-kubernetes-validations", ()):
        # A rule about oldSelf compares an update with what was there; here all is new.
        if "oldSelf" not in rule["rule"] and not _holds(rule["rule"], value):
            yield where, " ".join(rule.get("message", rule["rule"]).split())
    if isinstance(value, dict):
        inner_of = schema.get("properties", {})
        for key, inner in value.items():
            rest = schema.get("additionalProperties")
            below = inner_of.get(key, rest if isinstance(rest, dict) else {})
            yield from _broken_rules(below, inner, f"{where}.{key}" if where else key)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, inner in enumerate(value):
            yield from _broken_rules(schema["items"], inner, f"{where}[{number}]")


@functools.cache
def _program(rule: str) -> Any:
    environment = celpy.Environment()
    return environment.program(environment.compile(rule))


def _holds(rule: str, value: Any) -> bool:
    try:
        return bool(_program(rule).evaluate({"self": celpy.adapter.json_to_cel(value)}))
    except (celpy.evaluation.CELEvalError, celpy.celparser.CELParseError):
        return False  # the API server, too, takes an error in a rule for a refusal


def _dotted(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
