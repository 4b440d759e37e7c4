"""A bucket whose answers get lost or cut: what has happened is recognised, and what was cut is asked for again."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.errors import IndexLockedError
from pipeline.index.annotations import append_annotations, read_annotations
from pipeline.index.lock.writer import writer_lock
from pipeline.index.reports import publish_report, read_manifest
from pipeline.index.store import create_index, open_index
from pipeline.index.tables import read_table, write_table
from pipeline.job import run
from pipeline.operations.verification import verify_index
from pipeline.storage.location import Location
from tests.index.flaky_proxy import FlakyProxy, flaky_proxy


@pytest.fixture
def proxy(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyProxy]:
    with flaky_proxy(s3_endpoint) as (made, address):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield made


def fill(place: str, number: int) -> str:
    transaction = open_index(place).begin()
    write_table(transaction.root, "t", {"a": np.random.default_rng(number).integers(0, 1 << 60, 2000)})
    return transaction.commit(f"{number}", {})


@pytest.mark.parametrize("part", ["/refs/branch.main/", "/snapshots/", "/manifests/", "/transactions/", "/chunks/"])
def test_a_commit_whose_answer_was_lost_is_ones_own(proxy: FlakyProxy, s3_prefix: str, part: str) -> None:
    create_index(s3_prefix, attributes={})
    proxy.ask("lose answer", "PUT", part)
    commit = fill(s3_prefix, 1)
    assert len(proxy.happened) == 1
    assert open_index(s3_prefix).commit == commit
    assert [entry.message for entry in open_index(s3_prefix).history()] == ["1", "create", "Repository initialized"]
    fill(s3_prefix, 2)


def test_another_writer_is_still_another_writer(proxy: FlakyProxy, s3_prefix: str) -> None:
    create_index(s3_prefix, attributes={})
    slow = open_index(s3_prefix).begin()
    write_table(slow.root, "t", {"a": np.arange(3)})
    fast = fill(s3_prefix, 1)
    proxy.ask("lose answer", "PUT", "/refs/branch.main/")
    with pytest.raises(IndexLockedError, match="Another process has written"):
        slow.commit("slow", {})
    assert open_index(s3_prefix).commit == fast


@pytest.mark.parametrize("part", ["/chunks/", "/manifests/", "/snapshots/", "/refs/branch.main/"])
def test_a_cut_answer_of_the_store_is_asked_for_again(proxy: FlakyProxy, s3_prefix: str, part: str) -> None:
    create_index(s3_prefix, attributes={})
    fill(s3_prefix, 1)
    proxy.ask("cut body", "GET", part, times=2)
    expected = np.random.default_rng(1).integers(0, 1 << 60, 2000)
    assert np.array_equal(read_table(open_index(s3_prefix).read(), "t")["a"], expected)
    assert len(proxy.happened) == 2


def test_a_walk_in_a_bucket_that_loses_and_cuts(proxy: FlakyProxy, s3_prefix: str, tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((24, 32), 40 * number, np.uint8))
    parts = ("/manifests/", "/snapshots/", "/refs/branch.main/", "/transactions/")
    for part in parts:
        proxy.ask("lose answer", "PUT", part)
        proxy.ask("cut body", "GET", part)
    run(tmp_path, s3_prefix, engines=EngineChoice.parse("local"), until="walk")
    assert len(proxy.happened) >= 6
    assert [finding.problem for finding in verify_index(open_index(s3_prefix)) if finding.problem] == []


def test_what_lies_beside_the_store(proxy: FlakyProxy, s3_prefix: str) -> None:
    place = Location.parse(s3_prefix)
    publish_report(place, commit="C1", key=1, tables={}, files={"report.html": b"x"}, stamp={})
    proxy.ask("cut body", "GET", "/reports/manifest.json", times=2)
    manifest = read_manifest(place)
    assert manifest is not None
    assert manifest["commit"] == "C1"
    proxy.ask("lose answer", "PUT", "/annotations/scale/000001.jsonl")
    append_annotations(place, "scale", [{"n": 1}])
    proxy.ask("lose answer", "PUT", "/annotations/copies/")
    append_annotations(place, "scale", [{"n": 2}])
    proxy.ask("cut body", "GET", "/annotations/", times=2)
    assert read_annotations(place, "scale") == [{"n": 1}, {"n": 2}]
    proxy.ask("lose answer", "PUT", "writer.lock")
    with writer_lock(place) as lease:
        lease.check()
    assert len(proxy.happened) == 7


def test_a_cut_file_of_the_corpus(proxy: FlakyProxy, s3_prefix: str, tmp_path: Path) -> None:
    place = Location.parse(s3_prefix)
    place.filesystem().pipe_file(place.child("a.tif").url, bytes(range(256)) * 40)
    proxy.ask("cut body", "GET", "a.tif", times=2)
    assert Corpus(s3_prefix).read("a.tif", max_bytes=1 << 20) == bytes(range(256)) * 40
    assert len(proxy.happened) == 2
