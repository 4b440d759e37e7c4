"""`pip install .` carries the files of deploy/ with it."""

import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import setuptools

from pipeline.deployment.files import deploy_folder
from pipeline.errors import DeploymentError
from tests.deploy.conftest import ROOT


def test_every_file_is_package_data(monkeypatch: pytest.MonkeyPatch) -> None:
    said: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **words: said.update(words))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    package = "pipeline.deployment.files"
    assert package in said["packages"]
    assert {"jobs", "jobs.recipes", "pipeline", "pipeline.deployment", "pipeline.stages"} <= set(said["packages"])
    root = ROOT / said["package_dir"][package]
    patterns = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][package]
    carried = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
    folders = [folder for folder in (root / "kubernetes", root / "slurm") if folder.is_dir()]
    assert carried == {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    assert carried


def test_the_folder_is_found_in_a_checkout() -> None:
    assert (deploy_folder("kubernetes") / "base" / "rayjob.yaml").is_file()
    with pytest.raises(DeploymentError, match="no deploy/helm"):
        deploy_folder("helm")
