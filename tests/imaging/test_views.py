"""What networks see: all of the specimen in its own proportions, and no print."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.imaging.specimen_rows import Print, specimen_rows
from pipeline.imaging.views import Views, view_shapes, views_by_shape


@pytest.mark.parametrize(
    ("views", "shapes"),
    [("square", ((224, 224),)), ("whole", ((224, 320),)), ("zoom", ((224, 320), (448, 640)))],
)
def test_shapes_of_a_micrograph(views: Views, shapes: tuple[tuple[int, int], ...]) -> None:
    assert view_shapes(1024 / 708, side=224, views=views) == shapes


@given(st.floats(0.01, 100), st.sampled_from([96, 224, 299]))
def test_sides_are_multiples_of_32_and_the_shorter_is_near_what_was_asked(aspect: float, side: int) -> None:
    ((height, width),) = view_shapes(aspect, side=side, views="whole")
    assert height % 32 == width % 32 == 0
    assert abs(min(height, width) - side) <= 16
    assert (width >= height) == (aspect >= 1) or height == width
    assert max(height, width) <= 4 * side + 16


def test_every_part_of_the_picture_is_seen() -> None:
    squares = np.zeros((3, 64, 64), np.uint8)
    squares[:, 0, 0] = squares[:, -1, -1] = 255
    aspects = np.array([1.5, 1.0, 1.5])
    seen = list(views_by_shape(squares, aspects, side=64, views="zoom"))
    assert [(part, members.tolist(), pictures.shape[1:]) for part, members, pictures in seen] == [
        (0, [1], (64, 64)),
        (0, [0, 2], (64, 96)),
        (1, [1], (128, 128)),
        (1, [0, 2], (128, 192)),
    ]
    for _, _, pictures in seen:
        assert (pictures[:, 0, 0] > 0).all()
        assert (pictures[:, -1, -1] > 0).all()


@pytest.mark.parametrize(
    ("found", "rows"),
    [
        (Print(), (0, 100)),
        (Print(90), (0, 90)),
        (Print(90, ((92, 96),)), (0, 90)),
        (Print(90, ((80, 84), (92, 96))), (0, 80)),  # a label above the stripe
        (Print(-1, ((84, 88), (90, 94))), (0, 84)),  # print on the specimen
        (Print(-1, ((2, 6), (8, 12))), (12, 100)),  # print at the top
        (Print(-1, ((40, 60),)), (0, 100)),  # neither side is half of the picture
        (Print(20), (0, 100)),  # a misread stripe
    ],
)
def test_rows_without_print(found: Print, rows: tuple[int, int]) -> None:
    assert specimen_rows(100, found) == slice(*rows)
