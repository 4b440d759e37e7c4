"""Descriptions of textures: by hand, by an obvious twin, and what they must not change with."""

import numpy as np
import pytest

from pipeline.kernels.textures.cooccurrence import LEVELS, STATISTICS, _pairs, cooccurrence_statistics
from pipeline.kernels.textures.local_binary_patterns import CIRCLES, WIDTH, local_binary_patterns
from pipeline.kernels.textures.scattering import ANGLES, SCALES, _wavelets, scattering
from pipeline.models.textures import WIDTHS, TextureEncoder, describe, fit_scaling

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (64, 64)).astype(np.float64)


def test_patterns_of_a_constant_picture_are_all_brighter_or_equal() -> None:
    found = local_binary_patterns(np.full((16, 16), 7.0))
    start = 0
    for points, _ in CIRCLES:
        assert found[start + points] == 1.0
        start += points + 2
    assert start == WIDTH == len(found)


def test_patterns_by_a_slow_twin() -> None:
    """Eight points at distance 1, those off the grid interpolated."""
    counts = np.zeros(10)
    for y in range(1, 63):
        for x in range(1, 63):
            bits = []
            for p in range(8):
                down, right = -np.sin(np.pi * p / 4), np.cos(np.pi * p / 4)
                top, left = int(np.floor(round(down, 9))), int(np.floor(round(right, 9)))
                v, u = round(down, 9) - top, round(right, 9) - left
                field = NOISE[np.ix_([y + top, y + min(1, top + 1)], [x + left, x + min(1, left + 1)])]
                value = np.array([1 - v, v]) @ field @ np.array([1 - u, u])
                bits.append(value >= NOISE[y, x] - 1e-9)
            uniform = sum(bits[p] != bits[p - 1] for p in range(8)) <= 2
            counts[sum(bits) if uniform else 9] += 1
    np.testing.assert_allclose(local_binary_patterns(NOISE)[:10], counts / counts.sum())


def test_pairs_and_statistics_by_hand() -> None:
    """Columns 0 and 1 in turn: beside each other always different, above each other always alike."""
    stripes = np.tile(np.array([0, 1]), (12, 6)).astype(np.int64)
    beside = _pairs(stripes, 0, 1)
    assert beside[0, 1] == beside[1, 0] == 12 * 11
    assert beside[0, 0] == 0
    assert beside.shape == (LEVELS, LEVELS)
    found = dict(zip(STATISTICS, cooccurrence_statistics(stripes)[: len(STATISTICS)], strict=True))
    assert found["contrast"] == pytest.approx(0.75)  # three of four directions meet the other column
    constant = dict(zip(STATISTICS, cooccurrence_statistics(np.zeros((12, 12), np.int64))[:6], strict=True))
    assert constant == {
        "contrast": 0, "dissimilarity": 0, "homogeneity": 1, "energy": 1, "correlation": 1, "entropy": 0,
    }  # fmt: skip


def test_scattering_of_a_constant_is_its_floor_and_finer_waves_answer_at_finer_scales() -> None:
    flat = scattering(np.zeros((64, 64), np.float32))
    assert np.all(flat[:SCALES] == flat[0])
    x = np.arange(64)
    for scale in range(1, 4):
        wave = np.cos(0.75 * np.pi / 2**scale * x)[None].repeat(64, axis=0).astype(np.float32)
        assert scattering(wave)[:SCALES].argmax() == scale
    waves = _wavelets(64)
    assert np.abs(waves[:, :, 0, 0]).max() < 1e-6
    assert waves.shape[:2] == (SCALES, ANGLES)


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_turned_or_mirrored_texture_is_described_alike(turn: int) -> None:
    """To rounding, but for the wavelets: six angles do not fall on each other at a quarter turn."""
    rough = np.kron(RNG.integers(0, 256, (32, 32)), np.ones((4, 4))).astype(np.uint8)
    here, turned, mirrored = describe(rough), describe(np.rot90(rough, turn)), describe(rough[:, ::-1])
    exact = WIDTHS[0] + WIDTHS[1]
    np.testing.assert_allclose(turned[:exact], here[:exact], atol=1e-9)
    np.testing.assert_allclose(mirrored[:exact], here[:exact], atol=1e-9)
    np.testing.assert_allclose(turned[exact:], here[exact:], atol=0.15)


def test_descriptions_have_equal_say_and_a_picture_keeps_its_bits() -> None:
    pictures = RNG.integers(0, 256, (12, 40, 40), dtype=np.uint8)
    pictures[:6] = pictures[:6] // 2 + np.linspace(0, 120, 40).astype(np.uint8)
    encoder = TextureEncoder(fit_scaling(pictures), image_size=40)
    vectors = encoder.encode(pictures)
    start = 0
    for width in WIDTHS:
        assert vectors[:, start : start + width].var(axis=0).sum() == pytest.approx(1, abs=1e-4)
        start += width
    np.testing.assert_array_equal(encoder.encode(pictures[5:6])[0], vectors[5])
    assert encoder.encode(pictures[:0]).shape == (0, encoder.dimension)


def test_one_picture_has_a_vector_of_zeros() -> None:
    picture = RNG.integers(0, 256, (1, 40, 40), dtype=np.uint8)
    assert not TextureEncoder(fit_scaling(picture), image_size=40).encode(picture).any()
