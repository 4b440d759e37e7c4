"""A stacked autoencoder that is slow and obvious: float64, gradients by differences, Adam written out."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float64]]

LAYERS_OF_PHASE = {"1_a": (1, 6), "1_b": (2, 5), "1": (1, 2, 5, 6), "2": (3, 4), "g": (1, 2, 3, 4, 5, 6)}
"""The study's six layers by phase."""


def activate(name: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    match name:
        case "elu":
            return np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)
        case "relu":
            return np.maximum(x, 0)
        case "tanh":
            return np.tanh(x)
        case "sigmoid":
            return 1 / (1 + np.exp(-x))
        case "selu":
            return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(np.minimum(x, 0)) - 1))
        case "linear":
            return x
    raise ValueError(name)


def weight_of(weights: Mapping[str, NDArray[np.float64]], layer: int) -> NDArray[np.float64]:
    """``W4`` ... ``W6`` are missing where they are tied to the layer that they undo."""
    return weights[f"W{layer}"] if f"W{layer}" in weights else weights[f"W{7 - layer}"].T


def forward(
    weights: Weights, activations: Sequence[str], layers: Sequence[int], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    for layer in layers:
        x = activate(activations[layer - 1], x @ weight_of(weights, layer).T + weights[f"b{layer}"])
    return x


def loss(weights: Weights, activations: Sequence[str], phase: str, x: NDArray[np.float64]) -> float:
    layers = LAYERS_OF_PHASE[phase]
    inputs = forward(weights, activations, range(1, layers[0]), x)
    return float(np.mean((forward(weights, activations, layers, inputs) - inputs) ** 2))


def objective(weights: Weights, activations: Sequence[str], phase: str, x: NDArray[np.float64], l2: float) -> float:
    squares = sum(float((weights[f"W{n}"] ** 2).sum()) for n in LAYERS_OF_PHASE[phase] if f"W{n}" in weights)
    return loss(weights, activations, phase, x) + l2 / 2 * squares


def gradients(weights: Weights, activations: Sequence[str], phase: str, x: NDArray[np.float64], l2: float) -> Weights:
    """By central differences, of the phase's own weights and biases; the layers before it stay as they are."""
    names = [f"{kind}{n}" for n in LAYERS_OF_PHASE[phase] for kind in "Wb" if f"{kind}{n}" in weights]
    found = {}
    for name in names:
        found[name] = np.zeros_like(weights[name])
        for place in np.ndindex(weights[name].shape):
            values = []
            for step in (1e-6, -1e-6):
                moved = dict(weights) | {name: weights[name].copy()}
                moved[name][place] += step
                values.append(objective(moved, activations, phase, x, l2))
            found[name][place] = (values[0] - values[1]) / 2e-6
    return found


def train(
    weights: Weights,
    activations: Sequence[str],
    phase: str,
    batches: Sequence[NDArray[np.float64]],
    *,
    learning_rate: float,
    l2: float,
) -> Weights:
    """One phase by Adam, a step a batch."""
    weights = dict(weights)
    mean: dict[str, NDArray[np.float64]] = {}
    square: dict[str, NDArray[np.float64]] = {}
    for step, batch in enumerate(batches, start=1):
        for name, gradient in gradients(weights, activations, phase, batch, l2).items():
            mean[name] = 0.9 * mean.get(name, 0) + 0.1 * gradient
            square[name] = 0.999 * square.get(name, 0) + 0.001 * gradient**2
            direction = mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
            weights[name] = weights[name] - learning_rate * direction
    return weights
