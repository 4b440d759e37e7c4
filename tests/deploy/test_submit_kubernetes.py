"""semcorpus submit kubernetes.

There is no cluster here. Manifests are rendered by the real kubectl and checked; sending and following are tried with a
stand-in for kubectl, which proves the shape of the command lines and what is made of the answers, and no more.
"""

import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from jobs.main import call
from pipeline.deployment import kubectl as kubectl_module
from pipeline.deployment.checking import check_manifests
from pipeline.deployment.kubernetes import render
from pipeline.deployment.manifests import Manifest, parse_manifests
from tests.deploy.conftest import DASK_DEFINITIONS, of_kind, walk

IMAGE = "--set=image=registry.example:5000/lab/semcorpus:1.2"
BASE = ["submit", "kubernetes", "/corpus", "/index", IMAGE]

STAND_IN = """#!{python}
import json, os, sys
words = sys.argv[1:]
if words[0] == "kustomize":
    os.execv("{kubectl}", ["{kubectl}", *words])
text = sys.stdin.read() if "-" in words else ""
with open("{folder}/calls", "a") as calls:
    print(json.dumps([words, text]), file=calls)
if "{refuse}" and "{refuse}" in words:
    sys.exit("error: admission denied")
if "get" in words:
    statuses = json.load(open("{folder}/statuses"))
    json.dump(statuses[1:] or statuses, open("{folder}/statuses", "w"))
    print(json.dumps({{"status": statuses[0]}}))
elif "logs" in words:
    print("a line of the log", flush=True)
"""


class Cluster:
    """A stand-in for kubectl with a cluster behind it: what it was called with, and what it will answer."""

    def __init__(self, folder: Path, kubectl: str) -> None:
        self.folder = folder
        self._kubectl = kubectl

    def answer(self, *statuses: Mapping[str, Any], refuse: str = "") -> None:
        (self.folder / "statuses").write_text(json.dumps(statuses))
        program = self.folder / "kubectl"
        text = STAND_IN.format(python=sys.executable, kubectl=self._kubectl, folder=self.folder, refuse=refuse)
        program.write_text(text)
        program.chmod(program.stat().st_mode | stat.S_IEXEC)

    @property
    def calls(self) -> list[tuple[list[str], str]]:
        lines = (self.folder / "calls").read_text().splitlines()
        return [(words, text) for words, text in map(json.loads, lines)]


@pytest.fixture
def cluster(kubectl: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    follow = kubectl_module.follow
    monkeypatch.setattr(kubectl_module, "follow", lambda *words: follow(*words, poll_seconds=0.05))
    return Cluster(tmp_path, kubectl)


def dry_run(capsys: pytest.CaptureFixture[str], *words: str) -> list[Manifest]:
    """What would be sent; the option stands before a `--` among the words."""
    assert call([*words[:3], "--dry-run", *words[3:]]) == 0, capsys.readouterr().err
    return parse_manifests(capsys.readouterr().out)


def test_values_are_in_the_job(kubectl: str, capsys: pytest.CaptureFixture[str], shared_data: Path) -> None:
    sizes = ["nodes=5", "cpus=16", "memory=64Gi", "gpu_nodes=2", "gpus=4", "gpu_image=reg/semcorpus:1.2-gpu", "hours=3"]
    words = [f"--set={size}" for size in sizes]
    crds = ["--crds", str(shared_data / "k8s")]
    manifests = dry_run(capsys, *BASE, *words, *crds, "--", "--labels", "a=/corpus/labels")
    job = of_kind(manifests, "RayJob")["spec"]
    assert job["entrypoint"].startswith("semcorpus run /corpus /index --engines dask,ray --ray auto ")
    assert job["entrypoint"].endswith(" --labels a=/corpus/labels")
    assert job["activeDeadlineSeconds"] == 3 * 3600
    cpu, gpu = job["rayClusterSpec"]["workerGroupSpecs"]
    assert [cpu["replicas"], cpu["minReplicas"], cpu["maxReplicas"], gpu["replicas"]] == [5, 5, 5, 2]
    container = gpu["template"]["spec"]["containers"][0]
    assert container["image"] == "reg/semcorpus:1.2-gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert container["resources"]["requests"]["memory"] == "64Gi"
    assert cpu["template"]["spec"]["containers"][0]["image"] == "registry.example:5000/lab/semcorpus:1.2"
    assert container["volumeMounts"] == cpu["template"]["spec"]["containers"][0]["volumeMounts"]


def test_the_line_is_that_of_the_plain_overlay(
    overlays: Mapping[str, list[Manifest]], capsys: pytest.CaptureFixture[str]
) -> None:
    job = of_kind(dry_run(capsys, *BASE), "RayJob")
    assert job["spec"]["entrypoint"] == of_kind(overlays["cpu"], "RayJob")["spec"]["entrypoint"]


def test_only_the_claims_that_are_used_are_mounted_and_only_the_index_is_writable(
    kubectl: str, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = '--set=claims={"/data" = "share", "/data/index" = "fast", "/spare" = "spare"}'
    manifests = dry_run(capsys, "submit", "kubernetes", "/data/sem", "/data/index/a", IMAGE, claims)
    cluster = of_kind(manifests, "RayJob")["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert [v.get("persistentVolumeClaim") for v in pod["volumes"][1:]] == [
            {"claimName": "share", "readOnly": True},
            {"claimName": "fast", "readOnly": False},
        ]
        assert [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]] == [
            "/tmp",
            "/data",
            "/data/index",
        ]


def test_buckets_need_no_claim_but_a_secret_by_name(kubectl: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["submit", "kubernetes", "s3://lab/sem", "s3://lab/index", IMAGE, "--set=s3_secret=keys"]
    manifests = dry_run(capsys, *words)
    assert {v["secretKeyRef"]["name"] for v in walk(manifests) if isinstance(v, dict) and "secretKeyRef" in v} == {
        "keys"
    }
    assert not [v for v in walk(manifests) if isinstance(v, dict) and "persistentVolumeClaim" in v]


def test_a_schedule_makes_a_cronjob_that_submits_the_same(
    kubectl: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What the nightly pod calls, with the values that it gets, renders the run that was asked for."""
    sizes = ["--set=nodes=5", '--set=claims={"/corpus" = "a", "/index" = "b"}', "--set=monitoring=true"]
    nightly = dry_run(capsys, *BASE, *sizes, "--set=schedule=15 2 * * mon-fri", "--", "--until", "scale")
    cron = of_kind(nightly, "CronJob")["spec"]
    assert cron["schedule"] == "15 2 * * mon-fri"
    assert not [manifest for manifest in nightly if manifest["kind"] == "RayJob"]
    (container,) = cron["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (values,) = [m["data"]["values.toml"] for m in nightly if "values.toml" in m.get("data", {})]
    (tmp_path / "values.toml").write_text(values)
    words = [*container["command"][1:], *container["args"]]
    words[words.index("/etc/semcorpus/values.toml")] = str(tmp_path / "values.toml")
    options = words.index("--")
    assert call([*words[:options], "--dry-run", *words[options:]]) == 0
    (job,) = parse_manifests(capsys.readouterr().out)
    assert job["kind"] == "RayJob"
    assert job["spec"]["entrypoint"].endswith("--until scale")
    assert job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replicas"] == 5


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["/corpus", "/index"], 2, "Name the image"),
        (["/home/me/pictures", "/index", IMAGE], 2, "No pod would see /home/me/pictures"),
        (["pictures", "/index", IMAGE], 2, "'pictures' is relative"),
        (["/corpus/../etc", "/index", IMAGE], 2, "No pod would see"),
        (["/corpus/my pictures", "/index", IMAGE], 2, "two shells"),
        (["/corpus", "/index", IMAGE, "--", "--labels", "a=/nowhere"], 2, "No pod would see /nowhere"),
        (["/corpus", "/index", IMAGE, "--set=gpu_nodes=1"], 2, "GPU nodes need an image"),
        (["/corpus", "/index", IMAGE, "--set=memroy=1Gi"], 2, "Did you mean 'memory'?"),
        (["/corpus", "/index", IMAGE, "--set=nodes=0"], 2, "greater than or equal to 1"),
        (["/corpus", "/index", IMAGE, '--set=claims={"/tmp" = "a"}'], 2, "outside /tmp"),
        (["/corpus", "/index", IMAGE, "--set=schedule=15 25 * * *"], 1, "the hour '25' is not between 0 and 23"),
        (["/corpus", "/index", IMAGE, "--set=schedule=@daily", "--set=time_zone=CET5"], 1, "no time zone"),
        (["/corpus", "/index", IMAGE, "--set=schedule=@daily", "--job-only"], 2, "exclude each other"),
        (["/corpus", "/index", "--set=image=lab/semcorpus"], 1, "names no version"),
        (["/corpus", "/index", IMAGE, "--values=/nowhere.toml"], 2, "/nowhere.toml cannot be read"),
    ],
)
def test_refused_before_anything_is_sent(
    words: list[str], status: int, sentence: str, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.answer()
    assert call(["submit", "kubernetes", *words]) == status
    assert sentence in capsys.readouterr().err
    assert not (cluster.folder / "calls").exists()


def test_a_job_that_succeeds(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    cluster.answer(
        {},
        {"jobDeploymentStatus": "Initializing"},
        {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"},
        {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING"},
        {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"},
    )
    assert call([*BASE, "--set=namespace=lab", "--set=context=site"]) == 0
    sent = [words for words, _ in cluster.calls if "get" not in words and "logs" not in words]
    where = ["--context", "site", "--namespace", "lab"]
    assert sent == [
        [*where, "apply", "--server-side", "--validate=strict", "--dry-run=server", "--filename", "-"],
        [*where, "create", "--validate=strict", "--dry-run=server", "--filename", "-"],
        [*where, "apply", "--server-side", "--validate=strict", "--filename", "-"],
        [*where, "create", "--validate=strict", "--filename", "-"],
    ]
    (job,) = parse_manifests(cluster.calls[1][1])
    others = parse_manifests(cluster.calls[0][1])
    assert job["kind"] == "RayJob"
    assert {m["kind"] for m in others} == {"ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"}
    assert {m["metadata"]["namespace"] for m in (job, *others)} == {"lab"}
    out = capfd.readouterr().out
    assert "a line of the log" in out
    assert f"{job['metadata']['name']}: Complete" in out


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ({"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "message": "failed with exit code 2"}, 2),
        ({"jobDeploymentStatus": "Failed", "reason": "DeadlineExceeded"}, 1),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "FAILED"}, 1),
        ({"jobDeploymentStatus": "Complete", "jobStatus": "STOPPED"}, 1),
        ({"jobDeploymentStatus": "ValidationFailed", "message": "name too long"}, 1),
        ({"jobDeploymentStatus": "Suspended"}, 1),
    ],
)
def test_a_job_that_fails(
    ending: dict[str, str], status: int, cluster: Cluster, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.answer({"jobDeploymentStatus": "Initializing"}, ending)
    assert call([*BASE, "--job-only"]) == status
    assert "ended without success" in capfd.readouterr().out
    assert [words[2] for words, _ in cluster.calls if "get" not in words] == ["create", "create"]


def test_nothing_is_made_when_the_server_refuses(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answer({}, refuse="create")
    assert call(BASE) == 1
    assert "admission denied" in capsys.readouterr().err
    assert all("--dry-run=server" in words for words, _ in cluster.calls)


def test_not_followed(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.answer({})
    assert call([*BASE, "--no-follow"]) == 0
    assert "kubectl --namespace semcorpus logs --follow job/semcorpus-" in capsys.readouterr().out
    assert not [words for words, _ in cluster.calls if "get" in words]


def test_kinds_without_a_schema_are_named(overlays: Mapping[str, list[Manifest]]) -> None:
    verdict = check_manifests(overlays["dask"], [DASK_DEFINITIONS])
    assert verdict.problems == ()
    assert verdict.unchecked == ()
    assert check_manifests(overlays["dask"]).unchecked == ("DaskAutoscaler", "DaskJob")


def test_rendered_parts_make_the_whole(kubectl: str) -> None:
    from pipeline.deployment.kubernetes import Request
    from pipeline.deployment.settings import KubernetesSettings

    rendered = render(Request("/corpus", "/index", (), "a-b"), KubernetesSettings(image="lab/semcorpus:1"))
    kinds = [manifest["kind"] for manifest in rendered.manifests]
    assert sorted(kinds) == ["NetworkPolicy", "PodDisruptionBudget", "RayJob", "ServiceAccount"]
    assert parse_manifests(rendered.job)[0]["metadata"]["name"] == "a-b"
