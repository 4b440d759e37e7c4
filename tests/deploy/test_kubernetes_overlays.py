"""Every overlay is rendered by kubectl and passes every check; and says what it should."""

import json
import re
from collections.abc import Mapping

import pytest

from pipeline.deployment.manifests import Manifest, pods_of
from pipeline.deployment.operator_rules import operator_problems
from pipeline.deployment.pod_rules import pod_problems
from pipeline.deployment.schemas import CustomResources, core_problems, is_core
from pipeline.runtime.metrics import Metrics
from tests.deploy.conftest import KUBERNETES, OVERLAYS, of_kind, walk

# The Prometheus operator's resources; their definitions are not at hand, so their fields are named here.
MONITORS = {
    "PodMonitor": {"selector", "podMetricsEndpoints"},
    "PrometheusRule": {"groups"},
}

Overlays = Mapping[str, list[Manifest]]


@pytest.mark.parametrize("name", [*OVERLAYS, "cluster", "claims"])
def test_passes_every_check(name: str, overlays: Overlays, definitions: CustomResources) -> None:
    for manifest in overlays[name]:
        if manifest["kind"] in MONITORS:
            assert set(manifest["spec"]) == MONITORS[manifest["kind"]]
        else:
            assert not (core_problems(manifest) if is_core(manifest) else definitions.problems(manifest))
        assert not operator_problems(manifest)
        assert not pod_problems(manifest)


def test_the_overlays_hold_what_the_page_promises(overlays: Overlays) -> None:
    kinds = {name: {manifest["kind"] for manifest in overlays[name]} for name in OVERLAYS}
    for name, job in {
        "cpu": "RayJob",
        "gpu": "RayJob",
        "s3": "RayJob",
        "s3-gpu": "RayJob",
        "raycluster": "RayCluster",
        "raycronjob": "RayCronJob",
    }.items():
        assert kinds[name] == {"ServiceAccount", "NetworkPolicy", "PodDisruptionBudget", job}
    assert {"CronJob", "Role", "RoleBinding", "ConfigMap", "PodMonitor", "PrometheusRule"} < kinds["nightly"]
    assert "RayJob" not in kinds["nightly"]
    assert {"DaskJob", "DaskAutoscaler"} < kinds["dask"]
    assert {"DaskCluster", "DaskAutoscaler"} < kinds["daskcluster"]


def test_one_set_of_pods_in_all_kinds_of_ray(overlays: Overlays) -> None:
    job = of_kind(overlays["cpu"], "RayJob")["spec"]
    assert of_kind(overlays["raycluster"], "RayCluster")["spec"] == job["rayClusterSpec"]
    assert of_kind(overlays["raycronjob"], "RayCronJob")["spec"]["jobTemplate"] == job


def test_gpu_workers_have_what_cpu_workers_have(overlays: Overlays) -> None:
    for name in ("gpu", "s3-gpu"):
        cpu, gpu = of_kind(overlays[name], "RayJob")["spec"]["rayClusterSpec"]["workerGroupSpecs"]
        pods = [group["template"]["spec"] for group in (cpu, gpu)]
        containers = [pod["containers"][0] for pod in pods]
        assert pods[0]["volumes"] == pods[1]["volumes"]
        for key in ("env", "volumeMounts", "securityContext"):
            assert containers[0][key] == containers[1][key]
        assert containers[1]["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert "nvidia.com/gpu" not in containers[0]["resources"]["limits"]


def test_every_mount_has_its_volume_and_tmp_is_writable(overlays: Overlays) -> None:
    for name in OVERLAYS:
        for manifest in overlays[name]:
            for _, pod in pods_of(manifest):
                volumes = {volume["name"]: volume for volume in pod["volumes"]}
                for container in pod["containers"]:
                    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
                    assert "emptyDir" in volumes[mounts["/tmp"]["name"]]
                    assert {mount["name"] for mount in mounts.values()} <= volumes.keys()
                    assert {entry["name"]: entry.get("value") for entry in container["env"]}["HOME"] == "/tmp"
                    assert mounts.get("/corpus", {"readOnly": True})["readOnly"]


def test_the_nightly_pod_may_do_what_submit_does_and_no_more(overlays: Overlays) -> None:
    role = of_kind(overlays["nightly"], "Role")
    allowed = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert allowed == {
        ("rayjobs", "create"),
        ("rayjobs", "get"),
        ("jobs", "get"),
        ("pods", "get"),
        ("pods", "list"),
        ("pods", "watch"),
        ("pods/log", "get"),
    }
    binding = of_kind(overlays["nightly"], "RoleBinding")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "semcorpus-nightly", "namespace": "semcorpus"},
    ]


def test_the_nightly_job_outlives_the_run_and_never_overlaps(overlays: Overlays) -> None:
    cron = of_kind(overlays["nightly"], "CronJob")["spec"]
    run = of_kind(overlays["cpu"], "RayJob")["spec"]
    assert cron["concurrencyPolicy"] == "Forbid"
    assert cron["jobTemplate"]["spec"]["activeDeadlineSeconds"] > run["activeDeadlineSeconds"]
    assert cron["jobTemplate"]["spec"]["backoffLimit"] == 0
    (volume,) = [v for v in cron["jobTemplate"]["spec"]["template"]["spec"]["volumes"] if "configMap" in v]
    made = {m["metadata"]["name"] for m in overlays["nightly"] if m["kind"] == "ConfigMap"}
    assert volume["configMap"]["name"] in made


def test_the_disruption_budget_and_the_policies_select_the_pods(overlays: Overlays) -> None:
    manifests = overlays["gpu"]
    spec = of_kind(manifests, "RayJob")["spec"]
    head = spec["rayClusterSpec"]["headGroupSpec"]["template"]["metadata"]["labels"]
    assert of_kind(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == head
    templates = [spec["submitterPodTemplate"], spec["rayClusterSpec"]["headGroupSpec"]["template"]]
    templates += [group["template"] for group in spec["rayClusterSpec"]["workerGroupSpecs"]]
    selected = of_kind(manifests, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"]
    assert all(selected.items() <= template["metadata"]["labels"].items() for template in templates)


def test_no_secret_is_written_anywhere(overlays: Overlays) -> None:
    for manifests in overlays.values():
        for manifest in manifests:
            assert manifest["kind"] != "Secret"
    references = [
        v["secretKeyRef"]["name"] for v in walk(overlays["s3"]) if isinstance(v, dict) and "secretKeyRef" in v
    ]
    assert set(references) == {"semcorpus-s3"}


def test_dashboard_and_alerts_ask_for_metrics_that_the_job_has(overlays: Overlays) -> None:
    dashboard = json.loads((KUBERNETES / "components" / "monitoring" / "dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = of_kind(overlays["nightly"], "PrometheusRule")["spec"]["groups"]
    alerts = [rule["expr"] for group in rules for rule in group["rules"]]
    asked = {name for query in (*queries, *alerts) for name in re.findall(r"semcorpus_\w+", query)}
    registry = Metrics().registry
    # A family's samples end in _total, _bucket, _info: all that may be asked for.
    known = {family.name + ending for family in registry.collect() for ending in ("", "_total", "_bucket")}
    assert asked <= known
    assert {"semcorpus_files", "semcorpus_failures", "semcorpus_items_total", "semcorpus_batch_seconds_bucket"} <= asked
    assert all(query.count("(") == query.count(")") and query.count("{") == query.count("}") for query in queries)


def test_panels_do_not_overlap() -> None:
    dashboard = json.loads((KUBERNETES / "components" / "monitoring" / "dashboard.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_ports_that_are_scraped_are_the_pods(overlays: Overlays) -> None:
    head = of_kind(overlays["cpu"], "RayJob")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    ports = {port["name"]: port["containerPort"] for port in head["containers"][0]["ports"]}
    endpoints = of_kind(overlays["nightly"], "PodMonitor")["spec"]["podMetricsEndpoints"]
    scraped = {ports[endpoint["port"]] for endpoint in endpoints}
    policy = next(m for m in overlays["cpu"] if m["kind"] == "NetworkPolicy")["spec"]
    opened = {port["port"] for rule in policy["ingress"] for port in rule.get("ports", ())}
    assert scraped <= opened
    assert f"--metrics 0.0.0.0:{ports['job-metrics']}" in of_kind(overlays["cpu"], "RayJob")["spec"]["entrypoint"]
