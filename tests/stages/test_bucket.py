"""The whole job with corpus and index in a bucket stores what it stores in a folder."""

from pathlib import Path

import fsspec
import pytest

from pipeline.config import change_recipe
from pipeline.corpus.source import Corpus
from pipeline.engine import EngineChoice
from pipeline.index.reports import read_report_table
from pipeline.index.store import open_index
from pipeline.job import STAGE_NAMES, open_runner, run_stages
from pipeline.operations.verification import verify_index
from pipeline.progress import Silent
from tests.stages.conftest import cheap_recipe
from tests.stored import differing_arrays


@pytest.mark.usefixtures("s3_endpoint")
def test_corpus_and_index_in_a_bucket(demo: Path, reference_index: Path, s3_endpoint: str) -> None:
    filesystem = fsspec.filesystem("s3", endpoint_url=s3_endpoint)
    filesystem.put(str(demo / "corpus"), "semcorpus/job/corpus", recursive=True)
    recipe = change_recipe(cheap_recipe(demo), {"corpus.include": ["**"]})
    corpus, place = Corpus("s3://semcorpus/job/corpus", recipe.corpus), "s3://semcorpus/job/index"
    commits = []
    for _ in range(2):
        with open_runner(corpus, place, recipe, engines=EngineChoice.parse("local"), listener=Silent()) as runner:
            run_stages(runner, STAGE_NAMES)
        commits.append(open_index(place).commit)
    assert commits[0] == commits[1]
    assert differing_arrays(place, reference_index) == ["files/etag", "files/modified_ns"]
    assert [finding.problem for finding in verify_index(open_index(place), read_corpus=True) if finding.problem] == []
    here = open_index(reference_index).location
    there = open_index(place).location
    for name in ("images", "scales", "agreement"):
        assert read_report_table(there, name).equals(read_report_table(here, name))
    assert filesystem.exists("semcorpus/job/index/reports/report.html")
