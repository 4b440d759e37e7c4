"""Textures: repeatable signals with structure, not noise."""

import numpy as np
import pytest

from pipeline.demo.detector import detect
from pipeline.demo.randomness import stream
from pipeline.demo.relief import nearest_two, scattered, smooth_noise
from pipeline.demo.textures import ALL_TEXTURES

_SHAPE = (192, 256)


@pytest.mark.parametrize("name", ALL_TEXTURES)
def test_a_texture_is_repeatable_structured_and_within_range(name: str) -> None:
    for index in range(4):
        signal = ALL_TEXTURES[name].draw(stream(5, name, index), _SHAPE)
        again = ALL_TEXTURES[name].draw(stream(5, name, index), _SHAPE)
        assert signal.shape == _SHAPE
        assert signal.dtype == np.float32
        assert np.array_equal(signal, again)
        assert np.isfinite(signal).all()
        assert signal.std() > 0.02
        # White noise has a correlation of 0 between neighbours.
        assert np.corrcoef(signal[:, :-1].ravel(), signal[:, 1:].ravel())[0, 1] > 0.6


@pytest.mark.parametrize("name", ALL_TEXTURES)
def test_two_pictures_of_a_class_differ(name: str) -> None:
    one, other = (ALL_TEXTURES[name].draw(stream(5, name, index), _SHAPE) for index in (0, 1))
    assert not np.array_equal(one, other)


def test_the_detector_uses_its_range_and_adds_noise() -> None:
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (192, 1))
    eight, twelve = detect(stream(0, "d"), ramp), detect(stream(0, "d"), ramp, levels=4096)
    assert eight.dtype == np.uint8
    assert twelve.dtype == np.uint16
    assert 1000 < twelve.max() <= 4095
    assert np.abs(eight - twelve / 4095 * 255).max() < 0.54
    assert 0.5 < (eight[:, 100].astype(float) - eight[:, 101]).std() < 60


def test_streams_depend_on_seed_and_name_only() -> None:
    draws = [stream(*key).integers(1 << 60) for key in ((0, "a", 1), (0, "a", 1), (1, "a", 1), (0, "a1"))]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_smooth_noise_has_the_cell_size_asked_for() -> None:
    fine, coarse = (smooth_noise(stream(0, "n"), (200, 300), cell, octaves=1) for cell in (4, 60))
    assert fine.shape == coarse.shape == (200, 300)
    assert np.abs(np.diff(fine)).mean() > 5 * np.abs(np.diff(coarse)).mean()


def test_nearest_two_against_all_distances() -> None:
    rng = stream(0, "cells")
    points, radii = scattered(rng, (40, 60), 12, jitter=0.3), 12.0
    first, second, owner = nearest_two((40, 60), points, np.full(len(points), radii), reach=3)
    y, x = np.mgrid[:40, :60]
    distance = np.hypot(x[..., None] - points[:, 0], y[..., None] - points[:, 1]) / radii
    ordered = np.sort(distance, axis=-1)
    assert np.allclose(first, ordered[..., 0], atol=1e-4)
    assert np.allclose(second, ordered[..., 1], atol=1e-4)
    assert np.allclose(np.take_along_axis(distance, owner[..., None].astype(int), -1)[..., 0], first, atol=1e-4)
