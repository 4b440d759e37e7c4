"""The files of deploy/ travel inside the package, as ``pipeline/deployment/files``; all else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["pipeline*", "jobs*"]), "pipeline.deployment.files"],
    package_dir={"pipeline.deployment.files": "deploy"},
)
