"""Broken manifests are refused, each for its own reason: one change, and exactly that is found."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pipeline.deployment.manifests import Manifest, parse_manifests
from pipeline.deployment.operator_rules import operator_problems
from pipeline.deployment.pod_rules import pod_problems
from pipeline.deployment.schemas import CustomResources, core_problems, is_core
from pipeline.errors import DeploymentError
from tests.deploy.conftest import of_kind

Change = Callable[[Any], Any]


def put(path: str, value: Any) -> Change:
    """Set ``spec.a.0.b`` of a manifest."""

    def change(manifest: Any) -> None:
        *way, last = path.split(".")
        for key in way:
            manifest = manifest[int(key)] if isinstance(manifest, list) else manifest[key]
        manifest[int(last) if isinstance(manifest, list) else last] = value

    return change


def drop(path: str) -> Change:
    """Remove ``spec.a.0.b`` from a manifest."""

    def change(manifest: Any) -> None:
        *way, last = path.split(".")
        for key in way:
            manifest = manifest[int(key)] if isinstance(manifest, list) else manifest[key]
        del manifest[last]

    return change


HEAD = "spec.rayClusterSpec.headGroupSpec"
WORKER = "spec.rayClusterSpec.workerGroupSpecs.0"
POD = f"{HEAD}.template.spec"
RULE = {"policy": "DeleteCluster", "condition": {"jobStatus": "FAILED", "ttlSeconds": 60}}


def rules(*found: Any, **more: Any) -> Change:
    """A deletion strategy, without the fields that exclude it."""

    def change(manifest: Any) -> None:
        manifest["spec"].pop("shutdownAfterJobFinishes")
        manifest["spec"].pop("ttlSecondsAfterFinished")
        manifest["spec"]["deletionStrategy"] = {"deletionRules": list(found), **more} if found else more

    return change


# overlay, kind, change, the field that is named, what is said of it
BY_SCHEMA = [
    ("cpu", "RayJob", put("spec.shutdownAfterJobFinish", True), "spec", "'shutdownAfterJobFinish' was unexpected"),
    (
        "cpu",
        "RayJob",
        put("spec.ttlSecondsAfterFinished", "600"),
        "spec.ttlSecondsAfterFinished",
        "'600' is not of type",
    ),
    ("cpu", "RayJob", put(f"{POD}.containers.0.imagePullPolcy", "Always"), "containers[0]", "'imagePullPolcy' was une"),
    (
        "cpu",
        "RayJob",
        put(f"{POD}.containers.0.resources.limits.memory", "8 gigs"),
        "limits.memory",
        "'8 gigs' does not",
    ),
    ("cpu", "RayJob", drop(HEAD), "spec.rayClusterSpec", "'headGroupSpec' is a required property"),
    ("cpu", "RayJob", drop(f"{WORKER}.groupName"), "workerGroupSpecs[0]", "'groupName' is a required property"),
    ("cpu", "RayJob", put("spec.rayClusterSpec.authOptions.mode", "tokn"), "authOptions.mode", "'tokn' is not one of"),
    ("cpu", "RayJob", put("metadata.label", {}), "metadata", "'label' was unexpected"),
    ("cpu", "RayJob", drop("spec"), "", "'spec' is a required property"),
    ("cpu", "RayJob", rules({**RULE, "policy": "Nuke"}), "deletionRules[0].policy", "'Nuke' is not one of"),
    ("raycronjob", "RayCronJob", put("spec.schedule", 5), "spec.schedule", "5 is not of type 'string'"),
    ("raycronjob", "RayCronJob", drop("spec.jobTemplate"), "spec", "'jobTemplate' is a required property"),
    (
        "daskcluster",
        "DaskCluster",
        drop("spec.scheduler.service"),
        "spec.scheduler",
        "'service' is a required property",
    ),
    ("daskcluster", "DaskCluster", put("spec.worker.replicas", "two"), "spec.worker.replicas", "'two' is not of type"),
    ("dask", "DaskJob", put("spec.cluster.spec.workers", {}), "spec.cluster.spec", "'workers' was unexpected"),
    ("dask", "DaskAutoscaler", drop("spec.maximum"), "spec", "'maximum' is a required property"),
    ("nightly", "CronJob", put("spec.concurencyPolicy", "Forbid"), "spec", "'concurencyPolicy' was unexpected"),
    ("nightly", "CronJob", drop("spec.schedule"), "spec", "'schedule' is a required property"),
    ("cpu", "PodDisruptionBudget", put("spec.minAvailable", [1]), "spec.minAvailable", "not"),
    ("nightly", "Role", put("rules.0.verb", ["get"]), "rules[0]", "'verb' was unexpected"),
]
BY_CEL = [
    ("cpu", "RayJob", put("spec.managedBy", "me"), "spec.managedBy", "must be either 'ray.io/kuberay-operator'"),
    (
        "raycluster",
        "RayCluster",
        put("spec.managedBy", "me"),
        "spec.managedBy",
        "must be either 'ray.io/kuberay-operator'",
    ),
    ("cpu", "RayJob", rules(RULE, onSuccess={"policy": "DeleteSelf"}), "deletionStrategy", "legacy policies"),
    ("cpu", "RayJob", rules(onSuccess={"policy": "DeleteSelf"}), "deletionStrategy", "requires either BOTH onSuccess"),
    (
        "cpu",
        "RayJob",
        rules({**RULE, "condition": {"ttlSeconds": 60}}),
        "deletionRules[0].condition",
        "requires either the JobStatus or the JobDeploymentStatus",
    ),
    (
        "cpu",
        "RayJob",
        rules({**RULE, "condition": {"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"}}),
        "deletionRules[0].condition",
        "cannot be used together",
    ),
]
BY_OPERATOR = [
    ("cpu", "RayJob", put("metadata.name", "9lives"), "metadata.name", "DNS-1035"),
    ("cpu", "RayJob", put("metadata.name", "a" * 48), "metadata.name", "has 48 characters"),
    ("raycluster", "RayCluster", put("metadata.name", "a" * 54), "metadata.name", "has 54 characters"),
    ("cpu", "RayJob", drop("spec.rayClusterSpec.authOptions"), "authOptions.mode", "must be token"),
    ("raycluster", "RayCluster", put("spec.authOptions.mode", "disabled"), "authOptions.mode", "must be token"),
    ("cpu", "RayJob", put("spec.submissionMode", "K8sJob"), "spec.submissionMode", "none of K8sJobMode"),
    ("cpu", "RayJob", put("spec.entrypoint", " "), "spec.entrypoint", "nothing to run"),
    ("cpu", "RayJob", put("spec.shutdownAfterJobFinishes", False), "ttlSecondsAfterFinished", "needs shutdown"),
    ("cpu", "RayJob", put("spec.activeDeadlineSeconds", 0), "spec.activeDeadlineSeconds", "positive"),
    ("cpu", "RayJob", put("spec.backoffLimit", -1), "spec.backoffLimit", "negative"),
    ("cpu", "RayJob", put("spec.submissionMode", "InteractiveMode"), "spec.backoffLimit", "InteractiveMode cannot"),
    ("cpu", "RayJob", drop("spec.rayClusterSpec"), "spec", "one of rayClusterSpec and clusterSelector"),
    ("cpu", "RayJob", put("spec.runtimeEnvYAML", "a: [1"), "spec.runtimeEnvYAML", "no YAML mapping"),
    ("cpu", "RayJob", rules(RULE, RULE), "deletionRules[1]", "a second rule"),
    ("cpu", "RayJob", put("spec.deletionStrategy", {"deletionRules": [RULE]}), "deletionRules", "excludes shutdown"),
    ("cpu", "RayJob", put(f"{POD}.containers", []), f"{HEAD}.template.spec.containers", "at least one container"),
    ("cpu", "RayJob", put(f"{HEAD}.resources", {"cpu": "1"}), "headGroupSpec.rayStartParams", "use one of the two"),
    ("cpu", "RayJob", put(f"{WORKER}.rayStartParams.labels", "a=b"), "rayStartParams.labels", "is not supported"),
    ("cpu", "RayJob", put(f"{WORKER}.minReplicas", 3), "minReplicas", "more than maxReplicas"),
    ("cpu", "RayJob", put(f"{WORKER}.replicas", 7), "replicas", "not between"),
    (
        "gpu",
        "RayJob",
        put("spec.rayClusterSpec.workerGroupSpecs.1.groupName", "cpu"),
        "[1].groupName",
        "a second group",
    ),
    ("cpu", "RayJob", put("spec.rayClusterSpec.rayVersion", "2.51.1"), "rayVersion", "2.52 or newer"),
    ("cpu", "RayJob", drop("spec.rayClusterSpec.rayVersion"), "rayVersion", "needs Ray's version"),
    (
        "cpu",
        "RayJob",
        put(f"{POD}.containers.0.env.0", {"name": "RAY_REDIS_ADDRESS", "value": "redis:6379"}),
        "headGroupSpec",
        "gcsFaultToleranceOptions is not",
    ),
    (
        "cpu",
        "RayJob",
        put(f"{POD}.containers.0.env.0", {"name": "RAY_enable_autoscaler_v2", "value": "1"}),
        "headGroupSpec",
        "enableInTreeAutoscaling is not",
    ),
    ("raycronjob", "RayCronJob", put("spec.schedule", "15 2 * *"), "spec.schedule", "has 4 fields"),
    ("raycronjob", "RayCronJob", put("spec.timeZone", "Mars/Olympus"), "spec.timeZone", "no time zone"),
    ("nightly", "CronJob", put("spec.concurrencyPolicy", "Never"), "spec.concurrencyPolicy", "none of Allow"),
    ("nightly", "CronJob", put("spec.schedule", "61 2 * * *"), "spec.schedule", "'61' is not between 0 and 59"),
    (
        "nightly",
        "CronJob",
        put("spec.jobTemplate.spec.template.spec.restartPolicy", "Always"),
        "restartPolicy",
        "neither Never nor OnFailure",
    ),
    ("cpu", "PodDisruptionBudget", put("spec.maxUnavailable", 1), "spec", "exclude each other"),
]
BY_US = [
    ("cpu", "RayJob", put(f"{POD}.securityContext.runAsUser", 0), "securityContext", "other than 0"),
    ("cpu", "RayJob", put(f"{POD}.containers.0.securityContext.readOnlyRootFilesystem", False), "readOnly", "be true"),
    ("cpu", "RayJob", drop(f"{POD}.containers.0.securityContext.capabilities"), "capabilities", "drop: [ALL]"),
    ("cpu", "RayJob", drop(f"{POD}.containers.0.resources.limits.memory"), "resources.limits", "memory not set"),
    ("cpu", "RayJob", put(f"{POD}.containers.0.image", "semcorpus:latest"), "image", "names no version"),
    ("cpu", "RayJob", put(f"{POD}.volumes.0", {"name": "scratch", "hostPath": {"path": "/"}}), "hostPath", "a claim"),
    ("cpu", "RayJob", put(f"{POD}.hostNetwork", True), "hostNetwork", "not the pod's"),
    (
        "s3",
        "RayJob",
        put(f"{POD}.containers.0.env.0", {"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}),
        "env[0]",
        "refer to a secret",
    ),
    ("nightly", "CronJob", drop("spec.jobTemplate.spec.template.spec.serviceAccountName"), "serviceAccount", "not set"),
]


def ids(cases: list[Any]) -> list[str]:
    return [f"{kind}-{said}" for _, kind, _, _, said in cases]


def broken(overlays: Mapping[str, list[Manifest]], overlay: str, kind: str, change: Change) -> Manifest:
    manifest = copy.deepcopy(of_kind(overlays[overlay], kind))
    change(manifest)
    return manifest  # type: ignore[no-any-return]


@pytest.mark.parametrize(("overlay", "kind", "change", "where", "said"), BY_SCHEMA, ids=ids(BY_SCHEMA))
def test_refused_by_schema(
    overlay: str, kind: str, change: Change, where: str, said: str, overlays: Any, definitions: CustomResources
) -> None:
    manifest = broken(overlays, overlay, kind, change)
    (problem,) = core_problems(manifest) if is_core(manifest) else definitions.problems(manifest)
    assert problem.where.endswith(where)
    assert said in problem.what


@pytest.mark.parametrize(("overlay", "kind", "change", "where", "said"), BY_CEL, ids=ids(BY_CEL))
def test_refused_by_a_rule_of_the_definition(
    overlay: str, kind: str, change: Change, where: str, said: str, overlays: Any, definitions: CustomResources
) -> None:
    (problem,) = definitions.problems(broken(overlays, overlay, kind, change))
    assert problem.where.endswith(where)
    assert said in problem.what


@pytest.mark.parametrize(("overlay", "kind", "change", "where", "said"), BY_OPERATOR, ids=ids(BY_OPERATOR))
def test_refused_by_the_operator(
    overlay: str, kind: str, change: Change, where: str, said: str, overlays: Any, definitions: CustomResources
) -> None:
    """These pass the schema: only code knows them."""
    manifest = broken(overlays, overlay, kind, change)
    assert not (core_problems(manifest) if is_core(manifest) else definitions.problems(manifest))
    (problem,) = operator_problems(manifest)
    assert problem.where.endswith(where)
    assert said in problem.what


def test_sidecar_mode_has_no_submitter(overlays: Any) -> None:
    manifest = broken(overlays, "cpu", "RayJob", put("spec.submissionMode", "SidecarMode"))
    found = {problem.where for problem in operator_problems(manifest)}
    assert found == {"spec.submitterPodTemplate", "spec.submitterConfig"}


@pytest.mark.parametrize(("overlay", "kind", "change", "where", "said"), BY_US, ids=ids(BY_US))
def test_refused_by_us(overlay: str, kind: str, change: Change, where: str, said: str, overlays: Any) -> None:
    (problem,) = pod_problems(broken(overlays, overlay, kind, change))
    assert where in problem.where
    assert said in problem.what


def test_a_secret_in_a_file_is_refused() -> None:
    (manifest,) = parse_manifests("{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {a: b}}")
    (problem,) = pod_problems(manifest)
    assert "only referred to" in problem.what


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(DeploymentError, match="'name' stands twice"):
        parse_manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, name: b}\n")


def test_an_unknown_kind_is_no_silent_pass(definitions: CustomResources) -> None:
    (manifest,) = parse_manifests("{apiVersion: ray.io/v2, kind: RayJob, metadata: {name: a}, spec: {}}")
    (problem,) = definitions.problems(manifest)
    assert "no schema of ray.io/v2 RayJob" in problem.what
    (core,) = core_problems({"apiVersion": "batch/v1", "kind": "CronJop", "metadata": {"name": "a"}})
    assert "CronJop" in core.what
