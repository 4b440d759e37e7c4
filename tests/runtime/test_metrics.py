"""The job's own metrics: scraped over HTTP and left in a file, with the figures of the run that made them."""

import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.config import load_recipe
from pipeline.engine import EngineChoice
from pipeline.errors import UsageError
from pipeline.job import run
from pipeline.progress import RunStarted, Several, StageFinished, StageStarted, TaskDone
from pipeline.runtime.metrics import Metrics, MetricsFile

NAMES = {
    "semcorpus_run_info",
    "semcorpus_files",
    "semcorpus_items_total",
    "semcorpus_skipped_total",
    "semcorpus_failures",
    "semcorpus_stage_progress_ratio",
    "semcorpus_stage_seconds",
    "semcorpus_queue_tasks",
    "semcorpus_batch_seconds_count",
    "semcorpus_last_activity_timestamp_seconds",
}


def parse(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Name and values of the labels, in the order of the labels' names, to the figure."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(port: int) -> dict[tuple[str, tuple[str, ...]], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return parse(answer.read().decode())


def test_a_step_on_its_way(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.tell(RunStarted("r1", "INDEX", "CORPUS", "C0"))
    metrics.tell(StageStarted("embed", "", 10, 4, "ray"))
    metrics.tell(TaskDone("embed", 3, 1, 0.2))
    with metrics.serve("0") as port:
        found = scrape(port)
    assert found["semcorpus_run_info", ("C0", "INDEX", "r1")] == 1
    assert found["semcorpus_items_total", ("embed",)] == 2
    assert found["semcorpus_skipped_total", ("embed",)] == 1
    assert found["semcorpus_queue_tasks", ("embed",)] == 3
    assert found["semcorpus_stage_progress_ratio", ("embed",)] == pytest.approx(0.3)
    assert found["semcorpus_batch_seconds_sum", ("embed",)] == pytest.approx(0.2)
    metrics.tell(StageFinished("embed", 1, 10, 0, 4.5, "C1", {}))
    with metrics.serve("127.0.0.1:0") as port:
        found = scrape(port)
    assert found["semcorpus_stage_seconds", ("embed",)] == 4.5
    assert found["semcorpus_queue_tasks", ("embed",)] == 0


def test_a_whole_run_has_all_metrics(demo: Path, tmp_path: Path) -> None:
    metrics = Metrics()
    file = tmp_path / "semcorpus.prom"
    result = run(
        demo / "corpus",
        tmp_path / "index",
        recipe=load_recipe(),
        engines=EngineChoice.parse("local"),
        until="scale",
        listener=Several(metrics, MetricsFile(metrics, file)),
    )
    found = parse(file.read_text())
    assert {name for name, _ in found} >= NAMES
    files = {labels[0]: value for (name, labels), value in found.items() if name == "semcorpus_files"}
    walked = result.stages[0]
    assert files == dict(walked.statuses)
    assert (
        sum(files.values()) == found["semcorpus_items_total", ("walk",)] + found["semcorpus_skipped_total", ("walk",)]
    )
    failures = {labels: value for (name, labels), value in found.items() if name == "semcorpus_failures"}
    assert failures["walk", "corrupt"] == files["corrupt"] > 0
    assert not {("walk", "ok"), ("walk", "duplicate"), ("scale", "read")} & set(failures)


@pytest.mark.parametrize("address", ["x", "host:", "70000", ":-1"])
def test_a_wrong_address(address: str) -> None:
    with pytest.raises(UsageError, match="HOST:"), Metrics().serve(address):
        pytest.fail("served")


def test_a_port_that_is_taken_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(UsageError, match="cannot be served"),
            Metrics().serve(str(taken.getsockname()[1])),
        ):
            pytest.fail("served")
    with pytest.raises(UsageError, match="there is no folder"):
        MetricsFile(Metrics(), tmp_path / "nowhere" / "a.prom")
