"""What the tests of deploy/ share: the rendered overlays and the schemas."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.deployment.kubernetes import kustomize
from pipeline.deployment.manifests import Manifest, parse_manifests
from pipeline.deployment.schemas import CustomResources
from tests.conftest import skip_unless

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = tuple(sorted(path.name for path in (KUBERNETES / "overlays").iterdir()))
DASK_DEFINITIONS = Path(__file__).parent / "crds"


@pytest.fixture(scope="session")
def kubectl() -> str:
    """Path of kubectl; only its `kustomize` is used, since there is no cluster here."""
    found = shutil.which("kubectl")
    skip_unless("kubectl", found is not None, "no kubectl is installed")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def definitions(shared_data: Path) -> CustomResources:
    """KubeRay's and the Dask operator's resources."""
    return CustomResources.read([shared_data / "k8s", DASK_DEFINITIONS])


@pytest.fixture(scope="session")
def overlays(kubectl: str) -> Mapping[str, list[Manifest]]:
    """Every overlay as kubectl renders it, by name; with the two folders that are applied once."""
    folders = {name: KUBERNETES / "overlays" / name for name in OVERLAYS}
    folders |= {name: KUBERNETES / name for name in ("cluster", "claims")}
    return {name: parse_manifests(kustomize(folder)) for name, folder in folders.items()}


def of_kind(manifests: list[Manifest], kind: str) -> Any:
    """The only manifest of a kind."""
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def walk(value: Any) -> Iterator[Any]:
    """All that is in a manifest, however deep."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)
