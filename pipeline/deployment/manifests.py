"""Reading Kubernetes manifests as strictly as the API server reads them."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.errors import DeploymentError

Manifest = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a manifest.

    Attributes
    ----------
    manifest : str
        Kind and name, ``RayJob semcorpus``.
    where : str
        The field, ``spec.submissionMode``; empty for the whole.
    what : str
        What was found and what was expected.
    """

    manifest: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.manifest}: {self.where}: {self.what}" if self.where else f"{self.manifest}: {self.what}"


def parse_manifests(text: str) -> list[Manifest]:
    """The documents of a YAML text; empty ones are left out.

    Raises
    ------
    DeploymentError
        No YAML, a key twice in one mapping (which YAML libraries let pass and the API server does not), or a document
        without kind or name.
    """
    try:
        documents = [document for document in yaml.load_all(text, Loader=_StrictLoader) if document is not None]
    except yaml.YAMLError as error:
        raise DeploymentError(f"A manifest is not valid YAML: {' '.join(str(error).split())}.") from error
    for document in documents:
        if not isinstance(document, dict) or not {"apiVersion", "kind", "metadata"} <= document.keys():
            raise DeploymentError("A manifest needs apiVersion, kind and metadata; one of these is missing.")
    return documents


def name_of(manifest: Manifest) -> str:
    """``RayJob semcorpus``: how messages call a manifest."""
    return f"{manifest['kind']} {manifest['metadata'].get('name', '(without a name)')}"


def pods_of(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every pod's spec in a manifest, however deep, with its place in it: all mappings that hold containers."""
    yield from _pods(manifest, "")


def _pods(value: object, where: str) -> Iterator[tuple[str, Manifest]]:
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield where, value
        for key, inner in value.items():
            yield from _pods(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _pods(inner, f"{where}[{number}]")


class _StrictLoader(yaml.SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader, which refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice in one mapping", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping
