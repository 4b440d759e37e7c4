"""Listeners are told events; what each of them says."""

import json

import pytest

from jobs.listeners import JsonLog, Lines
from pipeline.progress import (
    Checkpoint,
    EngineOpened,
    EpochDone,
    Event,
    Note,
    RunStarted,
    Several,
    StageFinished,
    StageStarted,
    TaskDone,
    Telling,
)

EVENTS: tuple[Event, ...] = (
    RunStarted("r1", "INDEX", "CORPUS", "C0"),
    EngineOpened("ray", 2, None),
    StageStarted("autoencode", "sae", 10, 2, "ray"),
    EpochDone("autoencode", "sae", "g", 7, 0.21314, 0.2287),
    TaskDone("autoencode", 4, 1, 0.25),
    Checkpoint("autoencode", "C1"),
    Note("A word."),
    StageFinished("autoencode", 1, 9, 1, 2.0, "C2", {}),
)


def test_lines_for_people(capsys: pytest.CaptureFixture[str], quiet_environment: None) -> None:
    lines = Lines()
    more = (StageFinished("map", 0, 0, 0, 0.1, "C2", {}), StageFinished("agree", 0, 0, 0, 0.1, "C2", {}, 1234))
    for event in (*EVENTS[:3], EpochDone("autoencode", "sae", "g", 6, 0.3), *EVENTS[3:], *more):
        lines.tell(event)
    assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()] == [
        "Ray: 2 workers, no dashboard",
        "sae epoch 7 of g, loss 0.2131 (held out 0.2287)",
        "autoencode 4 of 10 committed",
        "A word.",
        "done autoencode 9 2.0 s ray",
        "1 could not be done now; the next run tries again",
        "done map up to date",
        "waits agree 1,234 need what an earlier stage has not made",
    ]


def test_a_line_of_json_for_each_event(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.terminal._run_ids", [""])
    said: list[str] = []
    both = Several(JsonLog(), Telling(said.append))
    for event in EVENTS:
        both.tell(event)
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in found] == [
        "run_started", "engine_opened", "stage_started", "epoch", "advanced", "checkpoint", "note", "stage_finished",
    ]  # fmt: skip
    assert {line["run"] for line in found} == {"r1"}
    assert found[3]["test_loss"] == 0.2287
    assert found[4] | {"items": 4, "skipped": 1, "seconds": 0.25} == found[4]
    assert said == [
        "autoencode (sae), 0 of 10",
        "autoencode (sae), epoch 7 of g, loss 0.2131 (held out 0.2287)",
        "autoencode (sae), 4 of 10",
    ]
