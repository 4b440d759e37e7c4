"""Readings of label crops by the digest of their pixels: a crop that was seen before costs no recogniser."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.imaging.scale.evidence.label import LabelReading, glance_at_label, read_label, read_quickly
from pipeline.imaging.scale.evidence.line import read_line
from pipeline.imaging.scale.labels.value import LabelValue
from pipeline.imaging.scale.recognition.network import label_net_readers
from pipeline.imaging.scale.recognition.text import TextCandidate, TextReader, network_reader

_MOST_KEPT: Final = 20_000
_MOST_STRIPES: Final = 10_000


def crop_digest(crop: NDArray[np.uint8], *, kind: bytes = b"") -> str:
    """The name of a crop: 32 hexadecimal digits of its size and pixels, and of what it was read as."""
    shape = np.asarray(crop.shape, dtype="<i8").tobytes()
    return hashlib.md5(kind + shape + np.ascontiguousarray(crop).tobytes(), usedforsecurity=False).hexdigest()


def _digest_in_full(digest: str) -> str:
    """The name of what all readers say to a crop, beside what the quick ones say."""
    return hashlib.md5(bytes.fromhex(digest) + b"all readers", usedforsecurity=False).hexdigest()


class LabelMemory:
    """Reads labels, each distinct crop once.

    A reading is a function of the crop and the readers alone, so what is remembered never changes a result.

    Parameters
    ----------
    known : mapping of str to LabelReading, optional
        Readings of earlier runs, by `crop_digest`; made by the same version of the readers.
    reader : TextReader, optional
        What recognises text; default the network of `network_reader`, built when a crop needs it.
    further_reader : TextReader, optional
        See `pipeline.imaging.scale.evidence.label.read_label`.

    Attributes
    ----------
    used : dict of str to LabelReading
        Every crop asked for since the caller last cleared it.
    held : LabelValue or None
        The value of `hearing_against`.
    stripes : dict
        What `pipeline.imaging.scale.reading` read on a stripe, by all pixels of the stripe and its place.
    settings : dict
        The `pipeline.imaging.scale.evidence.printed_settings.PrintedSettings` of a stripe, by the same.

    Notes
    -----
    Besides ``known`` at most 20,000 readings are kept, some 10 MB.
    """

    def __init__(
        self,
        known: Mapping[str, LabelReading] | None = None,
        *,
        reader: TextReader | None = None,
        further_reader: TextReader | None = None,
    ) -> None:
        self._known = known or {}
        self._fresh: dict[str, LabelReading] = {}
        self._reader, self._further_reader = reader, further_reader
        self.held: LabelValue | None = None
        self.used: dict[str, LabelReading] = {}
        self.stripes: dict[bytes, list[Any]] = {}
        self.settings: dict[bytes, Any] = {}

    def glance(self, crop: NDArray[np.uint8]) -> tuple[str, LabelReading]:
        """The digest of a crop, and what the quick readers make of it; what `read` says, where there are none."""
        if self._reader is not None:
            return self.read(crop)
        digest = crop_digest(crop)
        if self.held is not None:
            # Always asked first: whether a crop was read before must not change what is answered.
            same = read_quickly(crop, label_net_readers(), self.held)
            if same is not None:
                return digest, same
        return digest, self._once(digest, lambda: glance_at_label(crop, label_net_readers()))

    def read(self, crop: NDArray[np.uint8]) -> tuple[str, LabelReading]:
        """The digest of a crop, and what it says; another digest than `glance` gives where that does not settle it."""
        digest, reading = (crop_digest(crop), None) if self._reader is not None else self.glance(crop)
        if reading is not None and not reading.glance:
            return digest, reading
        digest = digest if reading is None else _digest_in_full(digest)
        return digest, self._once(digest, lambda: self._read(crop))

    def recognise(self, crop: NDArray[np.uint8]) -> TextCandidate:
        """What the slow reader sees in a crop that is left as the picture has it; remembered by that reader."""
        found = (self._reader or network_reader()).read(crop)
        return found[0] if found else TextCandidate("", 0.0)

    def read_line(self, crop: NDArray[np.uint8]) -> tuple[str, LabelReading]:
        """The digest of the crop of a line of settings, another than that of a label, and what it says."""
        digest = crop_digest(crop, kind=b"line")
        return digest, self._once(digest, lambda: self._read_line(crop))

    def _read_line(self, crop: NDArray[np.uint8]) -> LabelReading:
        alone = self._reader
        readers = label_net_readers() if alone is None else (alone,)
        return read_line(crop, readers, network_reader if alone is None else None)

    def _read(self, crop: NDArray[np.uint8]) -> LabelReading:
        return read_label(
            crop,
            self._reader or network_reader(),
            # A reader that was asked for by name is asked alone.
            quick_readers=label_net_readers() if self._reader is None else (),
            further_reader=self._further_reader,
        )

    def _once(self, digest: str, read: Callable[[], LabelReading]) -> LabelReading:
        """What is remembered under a digest, or else read now."""
        reading = self._known.get(digest) or self._fresh.get(digest)
        if reading is None:
            reading = read()
            self._keep(digest, reading)
        self.use(digest, reading)
        return reading

    def _keep(self, digest: str, reading: LabelReading) -> None:
        if len(self._fresh) >= _MOST_KEPT:
            self._fresh.pop(next(iter(self._fresh)))
        self._fresh[digest] = reading

    @contextmanager
    def hearing_against(self, value: LabelValue | None) -> Iterator[None]:
        """Within this, one looks for what speaks against a value that was read already, if there is one.

        A crop that a quick reader reads as this value is not given to the others, nor remembered.
        """
        self.held = value if self._reader is None else None
        try:
            yield
        finally:
            self.held = None

    def use(self, digest: str, reading: LabelReading) -> None:
        """Count a crop as asked for."""
        self.used[digest] = reading

    def keep_stripe(self, key: bytes, candidates: list[Any]) -> None:
        """Keep what was read on a stripe, the accepted one last; the oldest goes when there are too many."""
        if len(self.stripes) >= _MOST_STRIPES:
            self.stripes.pop(next(iter(self.stripes)))
        self.stripes[key] = candidates

    def keep_settings(self, key: bytes, settings: Any) -> None:
        """Keep the settings that were read on a stripe; the oldest go when there are too many."""
        if len(self.settings) >= _MOST_STRIPES:
            self.settings.pop(next(iter(self.settings)))
        self.settings[key] = settings


def reading_to_text(reading: LabelReading) -> str:
    """A reading as JSON; numbers keep every bit."""
    return json.dumps(asdict(reading), ensure_ascii=False, sort_keys=True)


def reading_from_text(text: str) -> LabelReading:
    """The reading that `reading_to_text` wrote."""
    fields = json.loads(text)
    value = fields.pop("value")
    return LabelReading(value=None if value is None else LabelValue(**value), **fields)
