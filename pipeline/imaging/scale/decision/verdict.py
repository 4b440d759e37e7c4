"""From the candidates for a picture's scale to its record: a value with its evidence, or a status and why."""

from dataclasses import replace
from typing import Final, Literal

from pipeline.imaging.scale.candidates import ScaleCandidate
from pipeline.imaging.scale.evidence.label import LabelReading, as_micrometres
from pipeline.imaging.scale.regions.databar import DataBar
from pipeline.records import SCALE_AGREEMENT, ScaleReading, ScaleStatus

_NM_PER_PX: Final = (0.001, 1e5)
"""A bar of 1 nm, the shortest in use, may be 1,000 px long."""

_WIDEST_FIELD_NM: Final = 3e7
_SHORTEST_BAR_FRACTION: Final = 0.015
_SHARP_PX: Final = 2.0


def implausible(candidate: ScaleCandidate, width: int) -> str:
    """Why no microscope would print this scale on a picture of this width; empty if one would."""
    nm_per_px = candidate.nm_per_px
    if nm_per_px is None:
        return "no length was read"
    if not _NM_PER_PX[0] <= nm_per_px <= _NM_PER_PX[1]:
        return f"{nm_per_px:g} nm a pixel is outside {_NM_PER_PX[0]:g} to {_NM_PER_PX[1]:g}"
    if nm_per_px * width > _WIDEST_FIELD_NM:
        return f"the field would be {nm_per_px * width / 1e6:.0f} mm wide"
    if candidate.segment.length_px < _SHORTEST_BAR_FRACTION * width:
        return f"a bar of {candidate.segment.length_px:.0f} px is too short for a picture of {width} px"
    return _blurred(candidate)


def _blurred(candidate: ScaleCandidate) -> str:
    """Why a bar's length can't be told within 3%: its ends are blurred over more than that to either side."""
    segment = candidate.segment
    if segment.spread_px <= max(_SHARP_PX, 2 * SCALE_AGREEMENT * segment.length_px):
        return ""
    return f"the ends of a bar of {segment.length_px:.0f} px are blurred over {segment.spread_px:.1f} px"


def from_certain(candidate: ScaleCandidate, metadata: float | None, bar_top: int | None) -> ScaleReading:
    """The record of a bar that was read beyond doubt, held against the metadata."""
    assert candidate.reading is not None
    assert candidate.nm_per_px is not None
    reason = candidate.reading.reason
    if metadata is None:
        return _record(candidate, "read", candidate.nm_per_px, None, bar_top, f"bar: {reason}")
    if agree(candidate.nm_per_px, metadata):
        return _record(candidate, "agrees", metadata, metadata, bar_top, f"metadata and bar agree; bar: {reason}")
    times = candidate.nm_per_px / metadata
    reason = f"the bar gives {candidate.nm_per_px:.6g} nm a pixel, {times:.4g} times the metadata's value"
    return _record(candidate, "disagrees", None, metadata, bar_top, reason)


def from_uncertain(seen: list[ScaleCandidate], metadata: float | None, bar: DataBar | None, width: int) -> ScaleReading:
    """The record where no candidate stands alone: metadata may bear one out; else the status says why not."""
    bar_top = bar.top if bar is not None and bar.is_stripe else None
    if metadata is not None:
        for candidate in (variant for one in seen for variant in variants(one)):
            if candidate.nm_per_px is not None and agree(candidate.nm_per_px, metadata):
                return _record(candidate, "agrees", metadata, metadata, bar_top, "the metadata bear the bar out")
    status, reason, best = _shortcoming(seen, bar, width)
    if metadata is not None:
        return _record(best, "metadata", metadata, metadata, bar_top, f"metadata; bar: {reason}")
    return _record(best, status, None, None, bar_top, reason)


def variants(candidate: ScaleCandidate) -> list[ScaleCandidate]:
    """The candidate, and what it is with ``pm`` for a printed ``µm`` undone."""
    reading = candidate.reading
    if reading is None or reading.value is None or reading.value.unit != "pm":
        return [candidate]
    changed = LabelReading(reading.text, as_micrometres(reading.value), False, reading.confidence, reading.reason)
    return [candidate, replace(candidate, reading=changed)]


def _shortcoming(
    seen: list[ScaleCandidate], bar: DataBar | None, width: int
) -> tuple[ScaleStatus, str, ScaleCandidate | None]:
    """How far reading got: status, reason, and the candidate that got farthest."""
    valued = [one for one in seen if one.nm_per_px is not None]
    if valued:
        assert valued[0].reading is not None
        why = implausible(valued[0], width)
        best = replace(valued[0], rule="a plausible bar") if why else valued[0]
        return "uncertain", why or valued[0].reading.reason, best
    # On the specimen itself only a ruler is unmistakable: anything else without a length is texture.
    marks = [one for one in seen if one.bar.is_stripe or one.segment.kind == "ruler"]
    read = [one for one in marks if one.reading is not None and one.reading.text]
    if read:
        assert read[0].reading is not None
        return (
            "no_unit",
            f"no text near a segment is a length; the nearest: {read[0].reading.reason}",
            read[0],
        )
    if marks:
        return "no_text", "there is a segment, but no readable text near it", marks[0]
    if bar is not None and bar.is_stripe:
        return "no_segment", "there is a data bar, but nothing on it looks like a scale segment", None
    return "no_bar", "no data bar, and no scale printed on the picture", None


def agree(first: float, second: float) -> bool:
    return abs(first - second) <= SCALE_AGREEMENT * second


def _record(
    candidate: ScaleCandidate | None,
    status: ScaleStatus,
    nm_per_px: float | None,
    metadata: float | None,
    bar_top: int | None,
    reason: str,
) -> ScaleReading:
    value = candidate.reading.value if candidate is not None and candidate.reading is not None else None
    raw_text = candidate.reading.text if candidate is not None and candidate.reading is not None else ""
    certainty = candidate.reading.confidence if candidate is not None and candidate.reading is not None else 0.0
    sources: dict[str, Literal["bar", "both", "metadata"]] = {
        "read": "bar",
        "agrees": "both",
        "metadata": "metadata",
    }
    return ScaleReading(
        status=status,
        source=sources.get(status, ""),
        text=raw_text if value is None else value.text,
        scale_nm=None if value is None else value.scale_nm,
        bar_length_px=None if candidate is None else candidate.segment.length_px,
        nm_per_px=nm_per_px,
        metadata_nm_per_px=metadata,
        confidence=1.0 if status in ("agrees", "metadata") else certainty,
        reason=reason,
        bar_top_px=bar_top,
        segment_box=None if candidate is None else candidate.segment.box,
        text_box=None if candidate is None or candidate.label is None else candidate.label.box,
        crop="" if candidate is None else candidate.crop,
        rule=_rule(candidate, status),
    )


def _rule(candidate: ScaleCandidate | None, status: ScaleStatus) -> str:
    """The name of the rule that decided: the one that objects, or what the value rests on."""
    if status == "metadata":
        return "metadata alone"
    if status in ("disagrees", "agrees"):
        return "bar and metadata alike"
    if candidate is None or candidate.reading is None or status in ("no_unit", "no_text"):
        return "a length beside a bar"
    return candidate.rule or ("a bar and its label" if status == "read" else "a label that readers are sure of")
