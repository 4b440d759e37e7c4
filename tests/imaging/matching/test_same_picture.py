"""Which pairs of files count as one picture, and which never do."""

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.imaging.matching.same_picture import Comparison, Copy, compare_pictures
from pipeline.kernels.turns import turned

Gray = NDArray[np.uint8]


def _specimen(seed: int, *, noise: float = 6.0, height: int = 384, width: int = 512) -> Gray:
    """A grainy surface; the same seed is the same place, and the noise is drawn anew at every call by ``_frame``."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(height // 16 + 2, width // 16 + 2)).astype(np.float32)
    surface = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return _frame(128 + 40 * surface, seed + 1000, noise)


def _frame(surface: NDArray[np.float32], seed: int, noise: float) -> Gray:
    values = surface + np.random.default_rng(seed).normal(0, noise, surface.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _tiff(gray: Gray) -> Copy:
    return Copy(b"II*\0 not a JPEG", gray)


def _jpeg(gray: Gray, quality: int = 85) -> Copy:
    buffer = io.BytesIO()
    Image.fromarray(gray).save(buffer, "JPEG", quality=quality)
    data = buffer.getvalue()
    return Copy(data, np.asarray(Image.open(io.BytesIO(data)).convert("L")))


def _two_frames(noise: float) -> tuple[Gray, Gray]:
    coarse = np.random.default_rng(3).normal(size=(26, 34)).astype(np.float32)
    surface = 128 + 40 * cv2.resize(coarse, (512, 384), interpolation=cv2.INTER_CUBIC)
    return _frame(surface, 1, noise), _frame(surface, 2, noise)


@pytest.mark.parametrize("quality", [60, 75, 85, 92, 98])
def test_a_tiff_and_its_jpeg_are_one_picture(quality: int) -> None:
    gray = _specimen(1)
    found = compare_pictures(_tiff(gray), _jpeg(gray, quality))
    assert found.relation == "same_picture"
    assert found.differing_pixels > 0


@pytest.mark.parametrize("pair", [(60, 95), (75, 90)])
def test_two_jpegs_of_one_tiff_are_one_picture(pair: tuple[int, int]) -> None:
    gray = _specimen(2)
    assert compare_pictures(_jpeg(gray, pair[0]), _jpeg(gray, pair[1])).relation == "same_picture"


@pytest.mark.parametrize("noise", [4.0, 8.0, 16.0])
@pytest.mark.parametrize("quality", [75, 90])
def test_two_frames_of_one_sample_are_two_pictures(noise: float, quality: int) -> None:
    first, second = _two_frames(noise)
    assert compare_pictures(_tiff(first), _jpeg(second, quality)).relation == ""
    assert compare_pictures(_jpeg(first, quality), _jpeg(second, quality)).relation == ""
    assert compare_pictures(_tiff(first), _tiff(second)).relation == ""


def test_a_step_of_one_in_a_few_pixels_is_near() -> None:
    gray = np.clip(_specimen(4), 1, 250).astype(np.uint8)
    copy = gray.copy()
    changed = np.arange(33) * (gray.size // 33)
    copy.flat[changed] += 1
    found = compare_pictures(_tiff(gray), _tiff(copy))
    assert (found.relation, found.max_difference) == ("near", 1)
    assert found.differing_pixels == 33


def test_equal_pixels_differ_nowhere() -> None:
    gray = _specimen(5)
    assert compare_pictures(_tiff(gray), _tiff(gray)) == Comparison("near", "levels", 0, 0, 0.0)


@pytest.mark.parametrize("cut", [40, 96, 120])
def test_a_picture_without_its_lowest_rows_is_a_crop(cut: int) -> None:
    gray = _specimen(6)
    for order in (1, -1):
        pair = [_jpeg(gray, 90), _jpeg(gray[:-cut], 80)][::order]
        assert compare_pictures(*pair).relation == "crop"


def test_the_upper_half_alone_is_no_crop_that_we_look_for() -> None:
    gray = _specimen(6)
    assert compare_pictures(_jpeg(gray), _jpeg(gray[:192])).relation == ""


@pytest.mark.parametrize("size", [(128, 96), (256, 192), (100, 75)])
@pytest.mark.parametrize("filter_", [cv2.INTER_AREA, cv2.INTER_LINEAR_EXACT])
def test_a_scaled_down_copy_is_a_thumbnail(size: tuple[int, int], filter_: int) -> None:
    gray = _specimen(7, noise=3.0)
    small = np.asarray(cv2.resize(gray, size, interpolation=filter_), np.uint8)
    assert compare_pictures(_tiff(gray), _jpeg(small, 80)).relation == "thumbnail"


@pytest.mark.parametrize("width", [320, 160])
@pytest.mark.parametrize("filter_", [Image.Resampling.BILINEAR, Image.Resampling.HAMMING, Image.Resampling.LANCZOS])
def test_a_thumbnail_by_any_filter(width: int, filter_: Image.Resampling) -> None:
    gray = _specimen(6, noise=12, height=480, width=640)
    small = np.asarray(Image.fromarray(gray).resize((width, width * 3 // 4), filter_))
    assert compare_pictures(_tiff(gray), _jpeg(small)).relation == "thumbnail"
    other = _specimen(7, noise=12, height=480, width=640)
    assert compare_pictures(_tiff(other), _jpeg(small)).relation == ""


@pytest.mark.parametrize(("gain", "quality"), [(0.15, 0), (0.4, 90), (0.9, 0), (0.9, 90)])
def test_a_deep_picture_and_its_8_bits_are_one(gain: float, quality: int) -> None:
    """Quality 0 stands for no loss."""
    first, second = (np.clip(frame, 1, 254).astype(np.uint8) for frame in _two_frames(16.0))
    deep = Copy(b"II*\0 of 16 bits", first, deep=True)
    made = [np.asarray(gain * gray + 20, np.uint8) for gray in (first, second)]
    copy, scan = (_jpeg(gray, quality) if quality else _tiff(gray) for gray in made)
    found = compare_pictures(deep, copy)
    assert (found.relation, found.evidence) == ("same_picture", "gray_scale")
    assert compare_pictures(deep, scan).relation == "", "another scan of the place"
    assert compare_pictures(_tiff(first), copy).relation == "", "of 8 bits, somebody has changed it"
    inverted = _tiff(np.asarray(255 - made[0], np.uint8))
    assert compare_pictures(deep, inverted).relation == ""


@pytest.mark.parametrize("turn", range(1, 8))
@pytest.mark.parametrize("qualities", [(0, 0), (0, 85), (85, 0), (90, 80)], ids=str)
def test_turned_and_mirrored_copies(turn: int, qualities: tuple[int, int]) -> None:
    """Quality 0 stands for no loss."""
    gray = _specimen(8)
    first, second = (
        _jpeg(pixels, quality) if quality else _tiff(pixels)
        for pixels, quality in zip((gray, turned(gray, turn)), qualities, strict=True)
    )
    relation = "mirrored" if turn >= 4 else "turned"
    for a, b in ((first, second), (second, first)):
        assert compare_pictures(a, b).relation == relation


@pytest.mark.parametrize("turn", [2, 3, 4, 5])
def test_another_scan_turned_is_another_picture(turn: int) -> None:
    first, second = _two_frames(8.0)
    assert compare_pictures(_tiff(first), _tiff(turned(second, turn))).relation == ""
    assert compare_pictures(_tiff(first), _jpeg(turned(second, turn))).relation == ""


def test_a_deep_empty_frame_is_no_copy_of_another() -> None:
    first, second = (np.random.default_rng(seed).normal(128, 20, (300, 400)).astype(np.uint8) for seed in (1, 2))
    assert compare_pictures(Copy(b"16", first, deep=True), Copy(b"16", second, deep=True)).relation == ""


def test_a_thumbnail_of_another_picture_is_none() -> None:
    small = np.asarray(cv2.resize(_specimen(8), (128, 96), interpolation=cv2.INTER_AREA), np.uint8)
    assert compare_pictures(_tiff(_specimen(9)), _jpeg(small)).relation == ""


def test_another_data_bar_on_the_same_picture() -> None:
    first = _specimen(10)
    second = first.copy()
    first[330:], second[330:] = 0, 255
    second[350:360, 40:200] = 0
    assert compare_pictures(_tiff(first), _tiff(second)).relation == "other_bar"
    assert compare_pictures(_tiff(first), _jpeg(second, 85)).relation == "other_bar"


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 200)])
def test_tiny_pictures_are_compared_without_a_failure(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 255, shape).astype(np.uint8) for _ in range(2))
    assert compare_pictures(_jpeg(first), _jpeg(second)).relation in ("", "near")


def test_different_shapes_are_two_pictures() -> None:
    assert compare_pictures(_tiff(_specimen(1)), _tiff(_specimen(1, height=512))).relation == ""


def test_what_a_relation_rests_on() -> None:
    gray = _specimen(11)
    assert compare_pictures(_tiff(gray), _jpeg(gray, 85)).evidence == "re_encoded"
    assert compare_pictures(_jpeg(gray, 95), _jpeg(gray, 75)).evidence == "quantisation"
    assert compare_pictures(_tiff(gray), _tiff(gray[:-96])).relation == "crop"


def _empty(seed: int, noise: float = 2.0) -> Gray:
    return _frame(np.full((384, 512), 9, np.float32), seed, noise)


@pytest.mark.parametrize("quality", [75, 90])
def test_two_empty_frames_are_two_pictures(quality: int) -> None:
    """All that a JPEG might have changed is all that there is: the bound alone would take any two for one."""
    first, second = _empty(1), _empty(2)
    assert compare_pictures(_tiff(first), _jpeg(second, quality)).relation == ""
    assert compare_pictures(_jpeg(first, quality), _jpeg(second, quality)).relation == ""
    assert compare_pictures(_tiff(first), _jpeg(first, quality)).evidence == "re_encoded"


def test_a_jpeg_that_has_lost_everything_proves_nothing() -> None:
    first, second = _empty(1, 0.4), _empty(2, 0.4)
    flat = _jpeg(first, 30)
    assert flat.data == _jpeg(second, 30).data, "both frames end up as the same flat picture"
    assert compare_pictures(_tiff(first), flat).relation == compare_pictures(_tiff(second), flat).relation == ""


def test_two_frames_within_two_levels_are_near_only_with_their_detail_in_common() -> None:
    first, second = _empty(1, 0.5), _empty(2, 0.5)
    assert compare_pictures(_tiff(first), _tiff(second)).relation == ""
    brighter = (_specimen(12).astype(np.int16) + 1).clip(0, 255).astype(np.uint8)
    assert compare_pictures(_tiff(_specimen(12)), _tiff(brighter)).relation == "near"


def test_a_jpeg_thumbnail_of_a_flat_noisy_picture_is_proven_by_encoding_it_again() -> None:
    rng = np.random.default_rng(4)
    gray = np.clip(rng.normal(128, 9, (192, 256)), 0, 255).astype(np.uint8)
    half = np.asarray(cv2.resize(gray, (128, 96), interpolation=cv2.INTER_AREA), np.uint8)
    found = compare_pictures(_tiff(gray), _jpeg(half, 60))
    assert (found.relation, found.evidence) == ("thumbnail", "re_encoded")
    other = np.clip(rng.normal(128, 9, half.shape), 0, 255).astype(np.uint8)
    assert compare_pictures(_tiff(gray), _jpeg(other, 60)).relation == ""
