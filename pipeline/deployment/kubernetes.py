"""Rendering ``deploy/kubernetes`` with a site's values: a kustomization on top, built by ``kubectl kustomize``."""

import json
import posixpath
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.deployment.files import deploy_folder
from pipeline.deployment.manifests import Manifest, parse_manifests
from pipeline.deployment.paths import claim_of, is_url, refuse_special_characters, refuse_unmounted
from pipeline.deployment.settings import KubernetesSettings, values_to_toml
from pipeline.errors import DeploymentError, UsageError

# As in deploy/kubernetes/base/rayjob.yaml.
_RUN_OPTIONS: Final = ("--engines", "dask,ray", "--ray", "auto", "--metrics", "0.0.0.0:9464", "--log-json")
_CLUSTER: Final = "/spec/rayClusterSpec"
_WITHOUT_JOB: Final = {
    "patch": json.dumps(
        {"$patch": "delete", "apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": "semcorpus"}}
    ),
    "target": {"kind": "RayJob"},
}
# The pod that submits each night gives the cluster time to start and to end beyond the run's own deadline.
_SUBMITTER_EXTRA_SECONDS: Final = 7200


@dataclass(frozen=True, slots=True)
class Request:
    """What to run on Kubernetes.

    Attributes
    ----------
    corpus, index : str
        As the pods see them: a folder under a claim, or ``s3://...``.
    options : tuple of str
        More options of ``semcorpus run``.
    job_name : str
        The RayJob's name, its own for every run.
    """

    corpus: str
    index: str
    options: tuple[str, ...]
    job_name: str

    @property
    def places(self) -> tuple[str, ...]:
        """All the paths that the run reads or writes: corpus, index, and those among the options."""
        return (self.corpus, self.index, *_option_paths(self.options))


def check_request(request: Request, settings: KubernetesSettings) -> None:
    """Raise `UsageError` for what the pods would not see or get, before anything is rendered."""
    if not settings.image:
        raise UsageError("Name the image that the pods run: --set image=REGISTRY/semcorpus:TAG (see deploy/container).")
    if settings.gpu_nodes and not settings.gpu_image:
        raise UsageError("GPU nodes need an image with CUDA: --set gpu_image=REGISTRY/semcorpus:TAG-gpu.")
    refuse_unmounted(request.places, settings.claims)
    refuse_special_characters((request.corpus, request.index, *request.options))


@dataclass(frozen=True, slots=True)
class Rendered:
    """Manifests as YAML text.

    Attributes
    ----------
    job : str
        The RayJob, or with a ``schedule`` the CronJob.
    surroundings : str
        What goes with it: service accounts, network policies, ...
    """

    job: str
    surroundings: str

    @property
    def text(self) -> str:
        """All of it as one file."""
        return "---\n".join(filter(None, (self.surroundings, self.job)))

    @property
    def manifests(self) -> list[Manifest]:
        """All of it, parsed."""
        return parse_manifests(self.text)


def render(request: Request, settings: KubernetesSettings) -> Rendered:
    """The manifests of a run, or with ``schedule`` of a run every so often.

    Parameters
    ----------
    request : Request
        What to run; checked already.
    settings : KubernetesSettings
        The site's values.

    Raises
    ------
    DeploymentError
        ``kubectl`` is missing or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="semcorpus-") as name:
        tree = Path(name) / "kubernetes"
        shutil.copytree(deploy_folder("kubernetes"), tree)
        _name_secret(tree, settings.s3_secret)
        _write(tree / "components" / "site", _mounts(request, settings))
        _write(tree / "site", _nightly(request, settings) if settings.schedule else _job(request, settings))
        (tree / "site" / "values.toml").write_text(values_to_toml(_values_for_pod(settings), "kubernetes"))
        text = kustomize(tree / "site")
    return _split(text)


def kustomize(folder: Path) -> str:
    """What ``kubectl kustomize`` makes of a folder; needs no cluster. Raises `DeploymentError`."""
    try:
        command = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError as error:
        raise DeploymentError("There is no kubectl on the PATH; manifests are rendered and sent by it.") from error
    if done.returncode:
        raise DeploymentError(f"kubectl kustomize cannot render {folder}: {done.stderr.strip()}")
    return done.stdout


def _split(text: str) -> Rendered:
    """Part the job from the rest, as text, so that what is sent is what kubectl wrote."""
    documents = [document.strip("\n") + "\n" for document in text.split("\n---\n")]
    is_job = [parse_manifests(document)[0]["kind"] in ("RayJob", "CronJob") for document in documents]
    rest = "---\n".join(document for document, found in zip(documents, is_job, strict=True) if not found)
    return Rendered(documents[is_job.index(True)], rest)


def _job(request: Request, settings: KubernetesSettings) -> dict[str, object]:
    """The kustomization of one run."""
    components = ["../components/site", *_storage(request)]
    if settings.gpu_nodes:
        components.append("../components/gpu")  # last, since it copies what the CPU workers have
    return {
        **_head(settings, components),
        "patches": [
            {
                "target": {"kind": "RayJob"},
                "patch": json.dumps(_job_patch(request, settings)),
                "options": {"allowNameChange": True},
            }
        ],
    }


def _nightly(request: Request, settings: KubernetesSettings) -> dict[str, object]:
    """The kustomization of a run by schedule, whose pod calls `semcorpus submit` for the run itself."""
    words = ["semcorpus", "submit", "kubernetes", request.corpus, request.index]
    arguments = ["--values", "/etc/semcorpus/values.toml", "--job-only"]
    arguments += ["--", *request.options] if request.options else []
    job = "/spec/jobTemplate/spec"
    patch = [
        _replace("/spec/schedule", settings.schedule),
        _replace("/spec/timeZone", settings.time_zone),
        _replace(f"{job}/activeDeadlineSeconds", round(settings.hours * 3600) + _SUBMITTER_EXTRA_SECONDS),
        _replace(f"{job}/template/spec/containers/0/command", words),
        _replace(f"{job}/template/spec/containers/0/args", arguments),
    ]
    return {
        **_head(settings, ["../components/nightly"]),
        "configMapGenerator": [{"name": "semcorpus-nightly", "files": ["values.toml"]}],
        "patches": [_WITHOUT_JOB, {"target": {"kind": "CronJob"}, "patch": json.dumps(patch)}],
    }


def _values_for_pod(settings: KubernetesSettings) -> KubernetesSettings:
    """The values that the nightly pod submits with: it starts one run, and in its own cluster."""
    return settings.model_copy(update={"schedule": "", "time_zone": "Etc/UTC", "context": "", "monitoring": False})


def _head(settings: KubernetesSettings, components: Sequence[str]) -> dict[str, object]:
    """What both kustomizations have."""
    images = [_image("semcorpus", settings.image)]
    if settings.gpu_image:
        images.append(_image("semcorpus-gpu", settings.gpu_image))
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": settings.namespace,
        "resources": ["../base"],
        "components": [*components, *(["../components/monitoring"] if settings.monitoring else [])],
        "images": images,
    }


def _image(name: str, image: str) -> dict[str, str]:
    """An image with its registry's port, tag or digest, as kustomize wants it in pieces."""
    place, at, digest = image.partition("@")
    if at:
        return {"name": name, "newName": place, "digest": digest}
    folder, slash, last = image.rpartition("/")
    base, _, tag = last.partition(":")
    return {"name": name, "newName": f"{folder}{slash}{base}", "newTag": tag or "latest"}


def _job_patch(request: Request, settings: KubernetesSettings) -> list[dict[str, object]]:
    line = ["semcorpus", "run", request.corpus, request.index, *_RUN_OPTIONS]
    patch = [
        _replace("/metadata/name", request.job_name),
        _replace("/spec/entrypoint", " ".join([*line, *request.options])),
        _replace("/spec/activeDeadlineSeconds", round(settings.hours * 3600)),
        *_group_patch(0, settings.nodes, settings),
    ]
    if settings.gpu_nodes:
        limit = f"{_CLUSTER}/workerGroupSpecs/1/template/spec/containers/0/resources/limits/nvidia.com~1gpu"
        patch += [*_group_patch(1, settings.gpu_nodes, settings), _replace(limit, str(settings.gpus))]
    return patch


def _group_patch(number: int, pods: int, settings: KubernetesSettings) -> list[dict[str, object]]:
    group = f"{_CLUSTER}/workerGroupSpecs/{number}"
    resources = f"{group}/template/spec/containers/0/resources"
    sizes = {"cpu": str(settings.cpus), "memory": settings.memory}
    return [
        *(_replace(f"{group}/{key}", pods) for key in ("replicas", "minReplicas", "maxReplicas")),
        *(_replace(f"{resources}/{kind}/{key}", sizes[key]) for kind in ("requests", "limits") for key in sizes),
    ]


def _mounts(request: Request, settings: KubernetesSettings) -> dict[str, object]:
    """A component that mounts the claims which the run's paths lie in, writable only where the index is."""
    patch = []
    used = {claim_of(posixpath.normpath(place), settings.claims) for place in request.places if not is_url(place)}
    writable = None if is_url(request.index) else claim_of(posixpath.normpath(request.index), settings.claims)
    for number, folder in enumerate(sorted(filter(None, used))):
        claim = {"claimName": settings.claims[folder], "readOnly": folder != writable}
        volume = {"name": f"share-{number}", "persistentVolumeClaim": claim}
        mount = {"name": f"share-{number}", "mountPath": folder, "readOnly": folder != writable}
        for group in ("headGroupSpec", "workerGroupSpecs/0"):
            pod = f"{_CLUSTER}/{group}/template/spec"
            patch.append({"op": "add", "path": f"{pod}/volumes/-", "value": volume})
            patch.append({"op": "add", "path": f"{pod}/containers/0/volumeMounts/-", "value": mount})
    component = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
    return {**component, "patches": [{"target": {"kind": "RayJob"}, "patch": json.dumps(patch)}] if patch else []}


def _storage(request: Request) -> list[str]:
    return ["../components/s3"] if any(is_url(place) for place in request.places) else []


def _name_secret(tree: Path, name: str) -> None:
    """Put the site's name of the secret into the copy of the S3 component."""
    path = tree / "components" / "s3" / "credentials.yaml"
    path.write_text(path.read_text().replace("name: semcorpus-s3", f"name: {name}"))


def _replace(path: str, value: object) -> dict[str, object]:
    return {"op": "replace", "path": path, "value": value}


def _write(folder: Path, kustomization: Mapping[str, object]) -> None:
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=1))


def _option_paths(options: Sequence[str]) -> list[str]:
    """The absolute paths and URLs among options: ``/x``, ``--recipe=/x``, ``classes=/x``, ``a=s3://x``."""
    values = (option.rpartition("=")[2] for option in options)
    return [value for value in values if value.startswith("/") or is_url(value)]
