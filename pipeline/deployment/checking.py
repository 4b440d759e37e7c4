"""Checking rendered manifests before they are sent."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.deployment.manifests import Manifest, Problem
from pipeline.deployment.operator_rules import operator_problems
from pipeline.deployment.pod_rules import pod_problems
from pipeline.errors import UsageError

_NEEDED = ("celpy", "jsonschema", "kubernetes_validate")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    problems : tuple of Problem
        What the cluster, the operator or a careful administrator would refuse.
    unchecked : tuple of str
        Kinds of which no schema is at hand here; the API server checks them when it is asked.
    """

    problems: tuple[Problem, ...]
    unchecked: tuple[str, ...]


def check_manifests(manifests: Sequence[Manifest], definitions: Sequence[Path] = ()) -> Verdict:
    """Check schema, CEL rules, the operators' rules and our own for pods.

    Parameters
    ----------
    manifests : sequence of mapping
        The documents.
    definitions : sequence of Path
        Files or folders of CustomResourceDefinitions; custom resources without one are not checked by schema.

    Raises
    ------
    UsageError
        ``definitions`` are given and the packages of ``semcorpus[kubernetes]`` are not installed.
    """
    problems: list[Problem] = []
    installed = all(importlib.util.find_spec(name) for name in _NEEDED)
    if definitions and not installed:
        raise UsageError("--crds needs more packages: pip install 'semcorpus[kubernetes]'.")
    unchecked: set[str] = set()
    for manifest, by_schema in zip(manifests, _by_schema(manifests, definitions, installed), strict=True):
        if by_schema is None:
            unchecked.add(str(manifest["kind"]))
        # As in the cluster: rules are asked only of what has the right shape.
        problems += by_schema or [*operator_problems(manifest), *pod_problems(manifest)]
    return Verdict(tuple(problems), tuple(sorted(unchecked)))


def _by_schema(
    manifests: Sequence[Manifest], definitions: Sequence[Path], installed: bool
) -> list[list[Problem] | None]:
    """A list of problems for each manifest, or None where there is no schema."""
    if not installed:
        return [None] * len(manifests)
    from pipeline.deployment.schemas import CustomResources, core_problems, is_core

    custom = CustomResources.read(definitions) if definitions else CustomResources({})
    return [
        core_problems(manifest) if is_core(manifest) else custom.problems(manifest) if custom.knows(manifest) else None
        for manifest in manifests
    ]
