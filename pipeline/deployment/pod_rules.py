"""What we ask of our own pods: no privileges, limits, secrets by reference, images that say which they are."""

import re
from collections.abc import Iterator
from typing import Final

from pipeline.deployment.manifests import Manifest, Problem, name_of, pods_of

_SECRET: Final = re.compile(r"PASSWORD|TOKEN|SECRET|ACCESS_KEY|CREDENTIAL", re.IGNORECASE)
_NEEDED: Final = ("cpu", "memory", "ephemeral-storage")


def pod_problems(manifest: Manifest) -> list[Problem]:
    """Everything in a manifest's pods that a careful administrator would send back."""
    found = [(where, what) for where, pod in pods_of(manifest) for where, what in _pod(pod, where)]
    if manifest["kind"] == "Secret":
        found.append(("", "secrets are made by hand and only referred to from files"))
    return [Problem(name_of(manifest), where, what) for where, what in found]


def _pod(pod: Manifest, at: str) -> Iterator[tuple[str, str]]:
    context = pod.get("securityContext") or {}
    if context.get("runAsNonRoot") is not True or not context.get("runAsUser"):
        yield f"{at}.securityContext", "runAsNonRoot: true and a runAsUser other than 0 are needed"
    if (context.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
        yield f"{at}.securityContext.seccompProfile", "RuntimeDefault is needed"
    if not pod.get("serviceAccountName"):
        yield f"{at}.serviceAccountName", "is not set, so the pod gets the rights of the namespace's default"
    if "automountServiceAccountToken" not in pod:
        yield f"{at}.automountServiceAccountToken", "has to be said"
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield f"{at}.{key}", "the node is not the pod's"
    for number, volume in enumerate(pod.get("volumes") or []):
        if "hostPath" in volume:
            yield f"{at}.volumes[{number}].hostPath", "the node's disk is not the pod's; use a claim"
    for number, container in enumerate(pod["containers"]):
        yield from _container(container, f"{at}.containers[{number}]")


def _container(container: Manifest, at: str) -> Iterator[tuple[str, str]]:
    context = container.get("securityContext") or {}
    if context.get("readOnlyRootFilesystem") is not True:
        yield f"{at}.securityContext.readOnlyRootFilesystem", "has to be true"
    if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
        yield f"{at}.securityContext.allowPrivilegeEscalation", "has to be false"
    if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
        yield f"{at}.securityContext.capabilities", "drop: [ALL] is needed"
    resources = container.get("resources") or {}
    for kind in ("requests", "limits"):
        missing = [name for name in _NEEDED if name not in (resources.get(kind) or {})]
        if missing:
            yield f"{at}.resources.{kind}", f"{', '.join(missing)} not set"
    for number, entry in enumerate(container.get("env") or []):
        if _SECRET.search(entry["name"]) and entry.get("value"):
            yield f"{at}.env[{number}]", f"{entry['name']} is written out; refer to a secret (valueFrom.secretKeyRef)"
    yield from _image(str(container.get("image", "")), f"{at}.image")


def _image(image: str, at: str) -> Iterator[tuple[str, str]]:
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in image and tag in ("", "latest"):
        yield at, f"{image!r} names no version; give a tag other than latest, or a digest"
