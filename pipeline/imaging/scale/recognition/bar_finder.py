"""Two small networks that find the bar of a label, whatever it looks like: line, block, ticks, arrows, ruler, outline.

The first sees the surroundings of a label at a coarse scale and says where the bar's ends are, or that there is none.
The second looks at each end closely and says in which column it is. They were trained on drawings
(`training.bar_finder`), in which all that is free in a scale bar varies.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.recognition.bar_views import CELL_PX, PARTS, WIDE, Box, view_of_end, view_of_label
from pipeline.imaging.scale.recognition.network import network_session

WEIGHTS: Final = ("bar_finder.onnx", "bar_end.onnx")
_AROUND: Final = 2
_AROUND_END: Final = 3


@dataclass(frozen=True, slots=True)
class SeenBar:
    """The bar that the networks see beside a label.

    Attributes
    ----------
    left, right : float
        Columns of its ends, in pixels; the left edge of pixel 0 is 0. Middles of ticks where it has ticks.
    row : float
    share : float
        How sure the first network is of both ends: 0 to 1.
    end_share : float
        How sure the second one is of the column of the less sure end.
    none_share : float
        How sure the first one is that there is no bar.
    """

    left: float
    right: float
    row: float
    share: float
    end_share: float
    none_share: float

    @property
    def length_px(self) -> float:
        return self.right - self.left


class BarFinder:
    """Both networks on one thread: about 15 ms of CPU a label.

    Raises
    ------
    WeightsError
        If the package was installed without its weights.
    """

    def __init__(self) -> None:
        self._finder, self._end = (network_session(name) for name in WEIGHTS)

    def find(self, gray: NDArray[np.uint8], label: Box, foreground: int, background: int) -> SeenBar:
        """Find the bar of a label.

        Parameters
        ----------
        gray : uint8 ndarray, [height, width]
        label : (x, y, width, height)
            Tight around the letters, in pixels.
        foreground, background : int
            Gray levels of the letters and of their ground.
        """
        view = view_of_label(gray, label, foreground, background)
        shares = self._run(self._finder, view.page)
        rows, columns = WIDE[0] // CELL_PX, WIDE[1] // CELL_PX
        maps = shares[:, :-1].reshape(2, rows, columns)
        peaks = [_peak(one) for one in maps]
        coarse = [
            (view.left + (column + 0.5) * CELL_PX / view.scale, view.top + (row + 0.5) * CELL_PX / view.scale)
            for _, row, column in peaks
        ]
        ends = [
            self._look(gray, at, label[3], foreground, background, is_left=is_left)
            for at, is_left in zip(coarse, (True, False), strict=True)
        ]
        return SeenBar(
            left=ends[0][0],
            right=ends[1][0],
            row=(coarse[0][1] + coarse[1][1]) / 2,
            share=min(peaks[0][0], peaks[1][0]),
            end_share=min(ends[0][1], ends[1][1]),
            none_share=float(shares[:, -1].max()),
        )

    def _look(
        self,
        gray: NDArray[np.uint8],
        at: tuple[float, float],
        letters_px: float,
        foreground: int,
        background: int,
        *,
        is_left: bool,
    ) -> tuple[float, float]:
        """The column of an end in the picture, and how sure it is."""
        view = view_of_end(gray, at, letters_px, foreground, background, is_left=is_left)
        shares = self._run(self._end, view.page)
        peak = int(shares.argmax())
        near = slice(max(0, peak - _AROUND_END), peak + _AROUND_END + 1)
        weight = float(shares[near].sum())
        place = float((shares[near] * (np.arange(shares.size)[near] + 0.5)).sum() / weight) / PARTS
        column = place if is_left else shares.size / PARTS - place
        return view.left + column / view.scale, weight

    @staticmethod
    def _run(session: Any, page: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(session.run(None, {"page": page[None]})[0][0])


def _peak(shares: NDArray[np.float32]) -> tuple[float, float, float]:
    """The share of the cells around the highest one, and their centre."""
    row, column = (int(at) for at in np.unravel_index(int(shares.argmax()), shares.shape))
    rows = slice(max(0, row - _AROUND), row + _AROUND + 1)
    columns = slice(max(0, column - _AROUND), column + _AROUND + 1)
    near = shares[rows, columns]
    weight = float(near.sum())
    down = float((near.sum(axis=1) * np.arange(shares.shape[0])[rows]).sum() / weight)
    along = float((near.sum(axis=0) * np.arange(shares.shape[1])[columns]).sum() / weight)
    return weight, down, along


@cache
def bar_finder() -> BarFinder:
    """The one of this process, built when first asked for."""
    return BarFinder()
