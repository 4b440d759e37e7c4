"""What KubeRay and Kubernetes demand of a manifest and no schema says.

KubeRay checks these when it reconciles, that is after ``kubectl`` has said "created"; the object then stands there in
the state ``ValidationFailed``. The rules are those of KubeRay 1.7 (its ``ValidateRayJobSpec`` and the like) and of
Kubernetes' CronJob.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import yaml

from pipeline.deployment.cron import cron_problem, time_zone_problem
from pipeline.deployment.manifests import Manifest, Problem, name_of

Found = Iterator[tuple[str, str]]

_SUBMISSION_MODES: Final = ("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode")
# A RayJob's cluster gets its name and six characters more, and the cluster's longest service ten.
_LONGEST: Final = {"RayJob": 47, "RayCluster": 53, "RayCronJob": 47, "CronJob": 52, "PodDisruptionBudget": 63}
_DNS_1035: Final = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_START_RESOURCES: Final = ("num-cpus", "num-gpus", "memory", "resources")
_OLDEST_WITH_TOKEN: Final = (2, 52)


def operator_problems(manifest: Manifest) -> list[Problem]:
    """What the operator, or the CronJob controller, would refuse; empty for other kinds."""
    rules = _RULES.get(str(manifest["kind"]))
    if rules is None:
        return []
    spec = manifest.get("spec") or {}
    found = [*_name(manifest), *rules(spec, "spec")]
    return [Problem(name_of(manifest), where, what) for where, what in found]


def _name(manifest: Manifest) -> Found:
    name, longest = str(manifest["metadata"].get("name", "")), _LONGEST[manifest["kind"]]
    if len(name) > longest:
        yield "metadata.name", f"{name!r} has {len(name)} characters; a {manifest['kind']}'s name has {longest} at most"
    if not _DNS_1035.fullmatch(name):
        yield "metadata.name", f"{name!r} is no DNS-1035 label: small letters, digits and -, a letter first"


def _ray_job(spec: Manifest, at: str) -> Found:
    yield from _submission(spec, at)
    yield from _ending(spec, at)
    yield from _deletion(spec, at)
    if "rayClusterSpec" in spec:
        yield from _ray_cluster(spec["rayClusterSpec"], f"{at}.rayClusterSpec")
    elif not spec.get("clusterSelector"):
        yield at, "one of rayClusterSpec and clusterSelector has to be set"
    try:
        environment = yaml.safe_load(spec.get("runtimeEnvYAML", ""))
    except yaml.YAMLError:
        environment = ""
    if not isinstance(environment, dict | None):
        yield f"{at}.runtimeEnvYAML", "is no YAML mapping"


def _submission(spec: Manifest, at: str) -> Found:
    mode = spec.get("submissionMode", "K8sJobMode")
    if mode not in _SUBMISSION_MODES:
        yield f"{at}.submissionMode", f"{mode!r} is none of {', '.join(_SUBMISSION_MODES)}"
    if mode == "InteractiveMode" and _number(spec, "backoffLimit") > 0:
        yield f"{at}.backoffLimit", "InteractiveMode cannot try again; leave it out"
    if mode != "InteractiveMode" and not str(spec.get("entrypoint", "")).strip():
        yield f"{at}.entrypoint", "is empty: there is nothing to run"
    if mode == "SidecarMode":
        for key in ("submitterPodTemplate", "submitterConfig"):
            if key in spec:
                yield f"{at}.{key}", "SidecarMode has no submitter's pod"
        if spec.get("clusterSelector"):
            yield f"{at}.clusterSelector", "SidecarMode needs a cluster of its own"


def _ending(spec: Manifest, at: str) -> Found:
    """Deadlines, retries, and what is left when the job has ended."""
    shuts_down = spec.get("shutdownAfterJobFinishes", False)
    if _number(spec, "ttlSecondsAfterFinished") < 0:
        yield f"{at}.ttlSecondsAfterFinished", "is negative"
    elif _number(spec, "ttlSecondsAfterFinished") > 0 and not shuts_down:
        yield f"{at}.ttlSecondsAfterFinished", "needs shutdownAfterJobFinishes: true"
    if spec.get("suspend") and not shuts_down:
        yield f"{at}.suspend", "needs shutdownAfterJobFinishes: true"
    if spec.get("suspend") and spec.get("clusterSelector"):
        yield f"{at}.suspend", "cannot suspend a cluster that is only selected"
    for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        if _number(spec, key, 1) <= 0:
            yield f"{at}.{key}", f"is {spec[key]}; it has to be positive"
    if _number(spec, "backoffLimit") < 0:
        yield f"{at}.backoffLimit", f"is {spec['backoffLimit']}; it must not be negative"


def _deletion(spec: Manifest, at: str) -> Found:
    strategy = spec.get("deletionStrategy")
    if strategy is None:
        return
    at = f"{at}.deletionStrategy"
    rules = strategy.get("deletionRules") or []
    if rules and spec.get("shutdownAfterJobFinishes"):
        yield f"{at}.deletionRules", "excludes shutdownAfterJobFinishes"
    scales = (spec.get("rayClusterSpec") or {}).get("enableInTreeAutoscaling")
    seen = set()
    for number, rule in enumerate(rules):
        condition = rule.get("condition") or {}
        key = (rule.get("policy"), condition.get("jobStatus"), condition.get("jobDeploymentStatus"))
        if key in seen:
            yield f"{at}.deletionRules[{number}]", f"a second rule {rule.get('policy')} for the same status"
        seen.add(key)
        if scales and rule.get("policy") == "DeleteWorkers":
            yield f"{at}.deletionRules[{number}].policy", "DeleteWorkers does not go with the autoscaler"
        if _number(condition, "ttlSeconds") < 0:
            yield f"{at}.deletionRules[{number}].condition.ttlSeconds", "is negative"


def _ray_cluster(spec: Manifest, at: str) -> Found:
    head = spec.get("headGroupSpec") or {}
    groups = [(f"{at}.headGroupSpec", head)]
    groups += [(f"{at}.workerGroupSpecs[{i}]", group) for i, group in enumerate(spec.get("workerGroupSpecs") or [])]
    for where, group in groups:
        yield from _group(group, where)
    yield from _group_names(spec.get("workerGroupSpecs") or [], at)
    yield from _autoscaling(spec, groups, at)
    yield from _authentication(spec, at)
    if "RAY_REDIS_ADDRESS" in _environment(head) and "gcsFaultToleranceOptions" not in spec:
        yield f"{at}.headGroupSpec", "RAY_REDIS_ADDRESS is set, but gcsFaultToleranceOptions is not"


def _group(group: Manifest, at: str) -> Found:
    if not _containers(group):
        yield f"{at}.template.spec.containers", "at least one container is needed"
    parameters = group.get("rayStartParams") or {}
    both = [key for key in _START_RESOURCES if parameters.get(key)]
    if both and group.get("resources"):
        yield f"{at}.rayStartParams", f"{both[0]} is set here and resources beside it; use one of the two"
    if "labels" in parameters:
        yield f"{at}.rayStartParams.labels", "is not supported; use the group's labels"
    least = _number(group, "minReplicas")
    most = _number(group, "maxReplicas", sys.maxsize)
    replicas = _number(group, "replicas", least)
    if least > most:
        yield f"{at}.minReplicas", f"{least} is more than maxReplicas, {most}"
    elif not least <= replicas <= most:
        yield f"{at}.replicas", f"{replicas} is not between minReplicas, {least}, and maxReplicas, {most}"


def _group_names(groups: list[Manifest], at: str) -> Found:
    names = [group.get("groupName") for group in groups]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield f"{at}.workerGroupSpecs[{number}].groupName", f"a second group is called {name!r}"


def _autoscaling(spec: Manifest, groups: list[tuple[str, Manifest]], at: str) -> Found:
    if not spec.get("enableInTreeAutoscaling"):
        if _environment(groups[0][1]).get("RAY_enable_autoscaler_v2") in ("1", "true"):
            yield f"{at}.headGroupSpec", "RAY_enable_autoscaler_v2 is set, but enableInTreeAutoscaling is not"
        return
    for where, group in groups:
        if group.get("suspend"):
            yield f"{where}.suspend", "a group cannot be suspended with the autoscaler on"
        policy = ((group.get("template") or {}).get("spec") or {}).get("restartPolicy", "Never")
        if (spec.get("autoscalerOptions") or {}).get("version") == "v2" and policy != "Never":
            yield f"{where}.template.spec.restartPolicy", f"is {policy!r}; the autoscaler v2 wants Never"


def _authentication(spec: Manifest, at: str) -> Found:
    if (spec.get("authOptions") or {}).get("mode") != "token":
        yield f"{at}.authOptions.mode", "must be token: whoever reaches this cluster could run programs on it"
        return
    version = str(spec.get("rayVersion", ""))
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if not numbers:
        yield f"{at}.rayVersion", f"authOptions.mode token needs Ray's version here; got {version!r}"
    elif (int(numbers[1]), int(numbers[2])) < _OLDEST_WITH_TOKEN:
        yield f"{at}.rayVersion", f"authOptions.mode token needs Ray 2.52 or newer; got {version}"


def _ray_cron_job(spec: Manifest, at: str) -> Found:
    yield from _schedule(spec, at)
    yield from _ray_job(spec.get("jobTemplate") or {}, f"{at}.jobTemplate")


def _cron_job(spec: Manifest, at: str) -> Found:
    yield from _schedule(spec, at)
    policy = spec.get("concurrencyPolicy", "Allow")
    if policy not in ("Allow", "Forbid", "Replace"):
        yield f"{at}.concurrencyPolicy", f"{policy!r} is none of Allow, Forbid, Replace"
    for key in ("startingDeadlineSeconds", "successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        if _number(spec, key) < 0:
            yield f"{at}.{key}", "is negative"
    pod = (((spec.get("jobTemplate") or {}).get("spec") or {}).get("template") or {}).get("spec") or {}
    restart = pod.get("restartPolicy", "Always")
    if restart not in ("Never", "OnFailure"):
        yield f"{at}.jobTemplate.spec.template.spec.restartPolicy", f"{restart!r} is neither Never nor OnFailure"


def _schedule(spec: Manifest, at: str) -> Found:
    if what := cron_problem(str(spec.get("schedule", ""))):
        yield f"{at}.schedule", what
    if "timeZone" in spec and (what := time_zone_problem(str(spec["timeZone"]))):
        yield f"{at}.timeZone", what


def _pod_disruption_budget(spec: Manifest, at: str) -> Found:
    if "minAvailable" in spec and "maxUnavailable" in spec:
        yield at, "minAvailable and maxUnavailable exclude each other"


def _number(spec: Manifest, key: str, otherwise: int = 0) -> int:
    """A field's number; what is no number is the schema's business."""
    value = spec.get(key)
    return value if isinstance(value, int) else otherwise


def _containers(group: Manifest) -> list[Manifest]:
    return ((group.get("template") or {}).get("spec") or {}).get("containers") or []


def _environment(group: Manifest) -> dict[str, str]:
    """The environment of the Ray container, which is the first."""
    containers = _containers(group)
    return {entry["name"]: entry.get("value", "") for entry in (containers[0].get("env") or [])} if containers else {}


_RULES: Final[Mapping[str, Callable[[Manifest, str], Found]]] = {
    "RayJob": _ray_job,
    "RayCluster": _ray_cluster,
    "RayCronJob": _ray_cron_job,
    "CronJob": _cron_job,
    "PodDisruptionBudget": _pod_disruption_budget,
}
