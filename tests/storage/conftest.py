"""A fresh place for each test: a folder, and a prefix of a bucket."""

import uuid

import pytest


@pytest.fixture
def s3_prefix(s3_endpoint: str) -> str:
    """A URL under which nothing is yet."""
    return f"s3://semcorpus/{uuid.uuid4().hex}"
