"""Train the two networks that find the bar of a label, and write them where the reader finds them.

    pip install onnx                       # to write the files; neither training nor reading needs it
    python -m training.bar_finder FOLDER --windows 10000 --passes 3
    python -m training.bar_finder FOLDER --windows 10000 --passes 3 --seed 24 --start FOLDER

The first network sees the surroundings of a label at a coarse scale and says where the bar's left and right end are,
or that there is none; the second sees the surroundings of an end and says in which column it is. FOLDER receives
``bar_finder.onnx`` and ``bar_end.onnx``. A run is repeated exactly with the same seed on the same machine.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.imaging.scale.recognition.bar_views import CELL_PX, CLOSE, PARTS, WIDE, view_of_end, view_of_label
from training.bar_pictures import draw_window

_LEVELS: Final = 80.0
_LEAST_CONTRAST: Final = 25
_BATCH: Final = 32
_PEAK_RATE: Final = (4e-3, 2e-3)
"""From nothing, and from weights."""


def _conv(inside: int, outside: int, *, stride: int = 1, dilation: tuple[int, int] = (1, 1)) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))


class BarFinder(nn.Module):
    """[batch, 3, 80, 512] to the scores of every cell as left and right end, and of there being none.

    Returns float [batch, 2, 40 * 256 + 1]; the last is none.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.first = _conv(3, width // 2, stride=2)
        self.second = _conv(width // 2, width, stride=2)
        self.blocks = nn.ModuleList(_conv(width, width, dilation=(1, step)) for step in (1, 2, 4, 8, 16, 4, 1))
        self.narrow = _conv(width, width // 2)
        self.last = _conv(width, width // 2)
        self.ends = nn.Conv2d(width // 2, 2, 1)
        self.none = nn.Linear(2 * width, 2)

    def forward(self, page: torch.Tensor) -> torch.Tensor:
        fine = self.first(page)
        deep = self.second(fine)
        for block in self.blocks:
            deep = deep + block(deep)
        none = self.none(torch.cat([deep.amax(dim=(2, 3)), deep.mean(dim=(2, 3))], dim=1))
        wide = nn.functional.interpolate(self.narrow(deep), scale_factor=2.0, mode="nearest")
        maps = self.ends(self.last(torch.cat([wide, fine], dim=1))).flatten(2)
        return torch.cat([maps, none[:, :, None]], dim=2)


class BarEnd(nn.Module):
    """[batch, 2, 48, 96] to the scores of every half column as the place of a left end: float [batch, 192]."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()

        def step(inside: int, outside: int, stride: int) -> nn.Sequential:
            conv = nn.Conv2d(inside, outside, 3, stride=(stride, 1), padding=1, bias=False)
            return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))

        self.body = nn.Sequential(step(2, 16, 2), step(16, width, 2), step(width, width, 1), step(width, width, 2))
        wide = nn.Conv2d(2 * width, 2 * width, (1, 9), padding=(0, 4), bias=False)
        self.rows = nn.Sequential(wide, nn.BatchNorm2d(2 * width), nn.ReLU(inplace=True))
        self.parts = nn.Conv2d(2 * width, PARTS, 1)

    def forward(self, page: torch.Tensor) -> torch.Tensor:
        seen = self.body(page)
        seen = torch.cat([seen.amax(dim=2, keepdim=True), seen.mean(dim=2, keepdim=True)], dim=1)
        return self.parts(self.rows(seen))[:, :, 0].transpose(1, 2).flatten(1)


@dataclass(frozen=True)
class Lesson:
    """What one drawn window teaches: levels are kept in 8 bits.

    ``wide`` [3, 80, 512] with the ends' (column, row) in its pixels or None; ``close`` [2, 48, 96] for each end,
    turned round for a right one, with the column of the end in it.
    """

    wide: NDArray[np.int16]
    ends: tuple[tuple[float, float], tuple[float, float]] | None
    close: tuple[tuple[NDArray[np.int16], float], ...]


def lesson(seed: tuple[int, int]) -> Lesson | None:
    """Draw a window and cut what the networks see; None where the label can hardly be seen."""
    rng = np.random.default_rng(seed)
    drawn = draw_window(rng)
    if abs(drawn.foreground - drawn.background) < _LEAST_CONTRAST:
        return None
    x, y, wide, tall = drawn.label
    loose = rng.uniform(-0.12, 0.12, 4) * tall
    label = (x + loose[0], y + loose[1], wide + loose[2], tall + loose[3])
    foreground, background = (
        int(np.clip(level + rng.integers(-12, 13), 0, 255)) for level in (drawn.foreground, drawn.background)
    )
    view = view_of_label(drawn.gray, label, foreground, background)
    if drawn.ends is None:
        return Lesson(_packed(view.page), None, ())
    placed = tuple(((ex - view.left) * view.scale, (ey - view.top) * view.scale) for ex, ey in drawn.ends)
    if not all(0 <= ex < WIDE[1] and 0 <= ey < WIDE[0] for ex, ey in placed):
        return None
    close = []
    for end, is_left in zip(drawn.ends, (True, False), strict=True):
        off = rng.uniform(-1, 1, 2) * (20, 8) / min(1.0, 20 / tall)
        near = view_of_end(
            drawn.gray, (end[0] + off[0], end[1] + off[1]), tall, foreground, background, is_left=is_left
        )
        column = (end[0] - near.left) * near.scale
        close.append((_packed(near.page), column if is_left else CLOSE[1] - column))
    return Lesson(_packed(view.page), placed, tuple(close))  # type: ignore[arg-type]


def _packed(page: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.rint(page * _LEVELS).astype(np.int16).astype(np.int8)  # type: ignore[return-value]


def _targets(ends: Sequence[tuple[tuple[float, float], tuple[float, float]] | None]) -> torch.Tensor:
    """Soft targets over cells: a small bell around each end, or all on none."""
    rows, columns = WIDE[0] // CELL_PX, WIDE[1] // CELL_PX
    target = torch.zeros(len(ends), 2, rows * columns + 1)
    row_at, column_at = torch.arange(rows)[:, None], torch.arange(columns)[None]
    for one, pair in zip(target, ends, strict=True):
        for side in range(2):
            if pair is None:
                one[side, -1] = 1.0
                continue
            x, y = (value / CELL_PX - 0.5 for value in pair[side])
            bell = torch.exp(-((column_at - x) ** 2) / 0.7 - (row_at - y) ** 2 / 2.0).flatten()
            one[side, :-1] = bell / bell.sum().clamp(min=1e-9)
    return target


def _cross_entropy(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return -(target * scores.log_softmax(dim=-1)).sum(dim=-1).mean()


def _wide_batch(
    lessons: Sequence[Lesson], chosen: NDArray[np.int64], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows as they are, mirrored and upside down, and other contrasts."""
    pages, ends = [], []
    for one in (lessons[i] for i in chosen):
        page, pair = one.wide.astype(np.float32) / _LEVELS, one.ends
        if rng.random() < 0.5:
            page = page[:, :, ::-1]
            if pair is not None:
                (ax, ay), (bx, by) = pair
                pair = ((WIDE[1] - bx, by), (WIDE[1] - ax, ay))
        if rng.random() < 0.5:
            page = page[:, ::-1]
            if pair is not None:
                (ax, ay), (bx, by) = pair
                pair = ((ax, WIDE[0] - ay), (bx, WIDE[0] - by))
        pages.append(_varied(page, rng))
        ends.append(pair)
    return torch.from_numpy(np.stack(pages)), _targets(ends)


def _varied(page: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    page = page.copy()
    page[0] = np.clip(page[0] * rng.uniform(0.85, 1.15) + rng.uniform(-0.08, 0.08), -1, 2) * page[-1]
    return page


def _close_batch(
    crops: Sequence[tuple[NDArray[np.int16], float]], chosen: NDArray[np.int64], rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    pages = []
    target = torch.zeros(len(chosen), CLOSE[1] * PARTS)
    at = torch.arange(CLOSE[1] * PARTS)
    for number, i in enumerate(chosen):
        packed, column = crops[i]
        page = packed.astype(np.float32) / _LEVELS
        pages.append(_varied(page[:, ::-1] if rng.random() < 0.5 else page, rng))
        bell = torch.exp(-((at - (column * PARTS - 0.5)) ** 2) / 2.0)
        target[number] = bell / bell.sum().clamp(min=1e-9)
    return torch.from_numpy(np.stack(pages)), target


def _fit(
    network: nn.Module,
    count: int,
    batch_of: Callable[[NDArray[np.int64]], tuple[torch.Tensor, torch.Tensor]],
    rng: np.random.Generator,
    *,
    passes: int,
    rate: float,
    name: str,
) -> None:
    """AdamW under a one-cycle schedule; prints the loss now and then."""
    steps = passes * math.ceil(count / _BATCH)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps + 1)
    mean, done = 0.0, 0
    network.train()
    for _ in range(passes):
        order = rng.permutation(count)
        for start in range(0, count, _BATCH):
            pages, target = batch_of(order[start : start + _BATCH])
            loss = _cross_entropy(network(pages.to(memory_format=torch.channels_last)), target)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            done += 1
            mean += (float(loss.detach()) - mean) * max(0.01, 1 / done)
            if done % 50 == 0:
                print(f"{name}: {done} of {steps}: {mean:.4f}", flush=True)
    network.eval()


def write_onnx(network: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write a network with a soft maximum at its end."""
    whole = nn.Sequential(network, nn.Softmax(dim=-1)).eval()
    torch.onnx.export(
        whole, (torch.zeros(1, *shape),), str(path), dynamo=False, input_names=["page"], output_names=["shares"],
        dynamic_axes={"page": {0: "batch"}, "shares": {0: "batch"}}, opset_version=17,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the windows, train both, write both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the networks are written")
    parser.add_argument("--windows", type=int, default=10_000)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--start", type=Path, help="a folder with weights (.pt) to set out from")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw")
    chosen = parser.parse_args(arguments)
    seeds = [(chosen.seed, number) for number in range(chosen.windows)]
    with ProcessPoolExecutor(chosen.workers) as pool:
        lessons = [one for one in pool.map(lesson, seeds, chunksize=50) if one is not None]
    print(f"{len(lessons)} windows, {sum(one.ends is not None for one in lessons)} with a bar", flush=True)
    torch.manual_seed(chosen.seed)
    rng = np.random.default_rng(chosen.seed)
    crops = [crop for one in lessons for crop in one.close]
    rate = _PEAK_RATE[chosen.start is not None]
    end, finder = _network(BarEnd(), "bar_end", chosen.start), _network(BarFinder(), "bar_finder", chosen.start)
    _fit(
        end, len(crops), lambda rows: _close_batch(crops, rows, rng), rng,
        passes=max(1, chosen.passes // 2), rate=rate, name="end",
    )  # fmt: skip
    _write(end, (2, *CLOSE), chosen.folder / "bar_end")
    _fit(
        finder, len(lessons), lambda rows: _wide_batch(lessons, rows, rng), rng,
        passes=chosen.passes, rate=rate, name="finder",
    )  # fmt: skip
    _write(finder, (3, *WIDE), chosen.folder / "bar_finder")


def _network(network: nn.Module, name: str, start: Path | None) -> nn.Module:
    if start is not None:
        network.load_state_dict(torch.load(start / f"{name}.pt", weights_only=True))
    # Channels last is faster on a CPU.
    return network.to(memory_format=torch.channels_last)


def _write(network: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write the weights, to go on from, and the network as the reader loads it."""
    torch.save(network.state_dict(), path.with_suffix(".pt"))
    write_onnx(network, shape, path.with_suffix(".onnx"))


if __name__ == "__main__":
    main()
