"""A sample corpus made by code, with the right answer for every file."""

from pipeline.demo.corpus import DemoSummary, write_demo_corpus

__all__ = ["DemoSummary", "write_demo_corpus"]
