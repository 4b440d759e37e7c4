"""From a clean signal to what the instrument records: focus, drift, charging, gain and counting noise."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.relief import Signal, blur, smooth_noise


def detect(rng: np.random.Generator, signal: Signal, *, levels: int = 256) -> NDArray[np.uint8 | np.uint16]:
    """Return the recorded picture of a signal.

    Parameters
    ----------
    rng : numpy.random.Generator
    signal : ndarray, float32 [height, width]
        Yield, 0 black to 1 white.
    levels : int
        256 gives uint8; 4096 gives the 12-bit range in uint16.

    Returns
    -------
    ndarray, uint8 or uint16 [height, width]
    """
    seen = _drifted(rng, blur(signal, rng.uniform(0.5, 1.0)))
    seen *= 1 + np.float32(rng.uniform(0.02, 0.08)) * smooth_noise(rng, signal.shape, signal.shape[1], octaves=1)
    seen += _scan_lines(rng, signal.shape[0])
    _balance(rng, seen)
    electrons = np.float32(np.exp(rng.uniform(np.log(120), np.log(900))))
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    noise *= np.sqrt(np.maximum(seen, np.float32(0.02)) / electrons)
    seen += noise
    seen *= np.float32(levels - 1)
    np.clip(seen, 0, levels - 1, out=seen)
    return np.rint(seen, out=seen).astype(np.uint8 if levels <= 256 else np.uint16)


def _drifted(rng: np.random.Generator, signal: Signal) -> Signal:
    """Shift the lines sideways by a slow drift and a faint mains hum, less than a few pixels."""
    height, width = signal.shape
    line = np.arange(height, dtype=np.float32)
    drift = rng.normal(0, 2.5) * line / height
    hum = rng.exponential(0.18) * np.sin(line * np.float32(rng.uniform(0.15, 0.6)))
    map_x = np.arange(width, dtype=np.float32)[None, :] + (drift + hum).astype(np.float32)[:, None]
    map_y = np.broadcast_to(line[:, None], signal.shape)
    moved = cv2.remap(signal, map_x, np.ascontiguousarray(map_y), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float32)


def _scan_lines(rng: np.random.Generator, height: int) -> Signal:
    """Faint line-to-line offsets, as from charging."""
    return (rng.standard_normal((height, 1)) * rng.exponential(0.0022)).astype(np.float32)


def _balance(rng: np.random.Generator, signal: Signal) -> None:
    """Set brightness and contrast as an operator does: middle gray somewhere, few pixels saturated."""
    low, high = np.percentile(signal[::8, ::8], [2, 98])
    contrast = np.float32(rng.uniform(0.45, 0.78) / max(float(high - low), 0.08))
    black = np.float32(rng.uniform(0.05, 0.18))
    signal *= contrast
    signal += black - np.float32(low) * contrast
