"""Train the label networks and write them where the reader finds them.

    pip install onnx                       # to write the file; neither training nor reading needs it
    python -m training.label_reader FONTS label_reader_2.onnx --crops 220000 --epochs 3
    python -m training.label_reader MORE_FONTS label_reader.onnx --crops 400000 --epochs 2 --start label_reader_2.pt
    python -m training.label_reader MORE_FONTS label_reader.onnx --crops 200000 --epochs 1 --start label_reader.pt
    python -m training.label_reader FONTS label_reader_2.onnx --crops 200000 --epochs 1 --start label_reader_2.pt

FONTS is a text file with a font's path a line, repeated where it shall be drawn more often. A run takes as many steps
as its crops make and is repeated exactly with the same seed on the same machine; the last two, of 3,125 steps each,
brought rough specimens and the second crop of `pipeline.imaging.scale.labels.faint_print` (five minutes of one core for
the steps, seven for the crops, with seeds of their own). The weights that come with the package were made from Debian's
packages: the first network from Liberation, FreeFont, Roboto, Carlito, Hack, Inconsolata, Cantarell, Noto, Nimbus and
DejaVu; the other one set out from it with these and Arimo, Tahoma and MS Sans Serif as Wine brings them, IPA, VL and
Takao Gothic, TeX Gyre, Inter, Oxygen, Play, B612, Andika, Cabin, Dosis, Fira Code, JetBrains Mono, Linux Biolinum,
Tuffy and others. STIX, slanted DejaVu, bold DejaVu Sans Mono, Lato, Open Sans, FreeSerif and Century Schoolbook were
kept apart from both to measure with.
"""

import argparse
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pipeline.imaging.scale.recognition.network import ALPHABET, HEIGHT_PX, NARROWEST_PX
from training.label_pictures import Sample, samples

_PEAK_RATE = (4e-3, 2e-3)
"""From nothing, and from weights."""


def label_network() -> nn.Sequential:
    """[batch, 1, 24, width] to [batch, classes, 1, width / 2]: six convolutions, 0.1 million weights."""

    def step(inside: int, outside: int, kernel: tuple[int, int], pool: tuple[int, int] | None) -> list[nn.Module]:
        padding = (kernel[0] // 2 if pool is not None else 0, kernel[1] // 2)
        layers: list[nn.Module] = [nn.Conv2d(inside, outside, kernel, padding=padding, bias=False)]
        layers += [nn.BatchNorm2d(outside)]
        # The rectifier after the pool gives the same, from fewer values.
        return [*layers, *([nn.MaxPool2d(pool)] if pool is not None else []), nn.ReLU(inplace=True)]

    return nn.Sequential(
        *step(1, 16, (3, 3), (2, 2)),
        *step(16, 32, (3, 3), (2, 1)),
        *step(32, 48, (3, 3), (2, 1)),
        *step(48, 80, (3, 3), None),
        *step(80, 96, (1, 5), None),
        nn.Conv2d(96, len(ALPHABET) + 1, (1, 1)),
    )


def train(
    crops: Sequence[Sample], *, epochs: int, seed: int = 0, batch: int = 64, start: Path | None = None
) -> nn.Sequential:
    """Fit by CTC with AdamW under a one-cycle schedule over a fixed number of steps; prints the loss now and then.

    ``start`` names weights to set out from, as `main` writes them beside a network; they are changed in smaller steps.
    """
    torch.manual_seed(seed)
    network = label_network()
    if start is not None:
        network.load_state_dict(torch.load(start, weights_only=True))
    steps = epochs * math.ceil(len(crops) / batch)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=_PEAK_RATE[start is not None], total_steps=steps + 1
    )
    loss_of = nn.CTCLoss(blank=0, zero_infinity=True)
    rng = np.random.default_rng(seed)
    mean = 0.0
    done = 0
    for _ in range(epochs):
        for pages, targets, lengths in batches(crops, batch, rng):
            # Channels last is a third faster on a CPU.
            scores = network(pages.to(memory_format=torch.channels_last))[:, :, 0].log_softmax(dim=1).permute(2, 0, 1)
            widths = torch.full((len(lengths),), scores.shape[0])
            loss = loss_of(scores, targets, widths, lengths)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            done += 1
            mean += (float(loss.detach()) - mean) * max(0.01, 1 / done)
            if done % 200 == 0:
                print(f"{done} of {steps}: {mean:.4f}", flush=True)
    return network.eval()


def batches(
    crops: Sequence[Sample], size: int, rng: np.random.Generator
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """All crops once in a fresh order, those of similar width together: pages, texts one after the other, lengths."""
    widths = np.array([crop.page.shape[1] for crop in crops])
    order = np.argsort(widths + rng.uniform(0, 12, len(crops)), kind="stable")
    starts = np.arange(0, len(crops), size)
    for start in rng.permutation(starts).tolist():
        chosen = [crops[i] for i in order[start : start + size].tolist()]
        widest = max(NARROWEST_PX, *(crop.page.shape[1] for crop in chosen))
        pages = np.zeros((len(chosen), 1, HEIGHT_PX, widest), np.float32)
        for page, crop in zip(pages, chosen, strict=True):
            page[0, :, : crop.page.shape[1]] = _varied(crop.page, rng)
        texts = [[ALPHABET.index(character) + 1 for character in crop.text] for crop in chosen]
        flat = torch.tensor([index for text in texts for index in text])
        yield torch.from_numpy(pages), flat, torch.tensor([len(text) for text in texts])


def _varied(page: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """The crop a row higher or lower, a little paler or darker."""
    moved = np.roll(page, int(rng.integers(-1, 2)), axis=0) if rng.random() < 0.5 else page
    return np.asarray(np.clip(moved.astype(np.float32) / 255.0 * rng.uniform(0.85, 1.15), 0, 1), dtype=np.float32)


def write_onnx(network: nn.Sequential, path: Path) -> None:
    """Write the network with a soft maximum over the classes at its end: [1, steps, classes]."""

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, page: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.network(page)[:, :, 0]
            return scores.permute(0, 2, 1).softmax(dim=2)

    content = io.BytesIO()
    torch.onnx.export(
        Reader().eval(),
        (torch.zeros(1, 1, HEIGHT_PX, 96),),
        content,
        dynamo=False,
        input_names=["page"],
        output_names=["classes"],
        dynamic_axes={"page": {3: "width"}, "classes": {1: "steps"}},
        opset_version=17,
    )
    path.write_bytes(content.getvalue())


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the crops, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fonts", type=Path, help="a text file with a font's path a line")
    parser.add_argument("out", type=Path, help="the network's file")
    parser.add_argument("--crops", type=int, default=220_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--start", type=Path, help="weights (.pt) to set out from")
    chosen = parser.parse_args(arguments)
    fonts = [Path(line) for line in chosen.fonts.read_text().splitlines() if line]
    crops = list(samples(fonts, chosen.seed, chosen.crops))
    network = train(crops, epochs=chosen.epochs, seed=chosen.seed, start=chosen.start)
    torch.save(network.state_dict(), chosen.out.with_suffix(".pt"))
    write_onnx(network, chosen.out)


if __name__ == "__main__":
    main()
