"""scale: the physical scale of every picture, from its metadata and its data bar, with its provenance.

What people answered in the review goes over what was read, in the same row; the reader's own part is kept beside it,
so that an answer can be taken back without the picture.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import zarr
from numpy.typing import NDArray

from pipeline.config import Recipe
from pipeline.errors import ImageError
from pipeline.imaging.metadata.lengths import length_nm
from pipeline.imaging.scale.evidence.consistency import remarks
from pipeline.imaging.scale.evidence.label import LabelReading
from pipeline.imaging.scale.reading import read_scale
from pipeline.imaging.scale.recognition.memory import LabelMemory
from pipeline.index.arrays import read_strings
from pipeline.index.rows import Shard, require_rows, shards_of, write_shard
from pipeline.index.schema import Gone
from pipeline.records import ScaleReading
from pipeline.runtime.keys import scale_key
from pipeline.runtime.plan import Context, Done, Job, Plan, Stage, Worker
from pipeline.stages.files.contents import Contents
from pipeline.stages.files.ledger import Source, count_values, hex_md5, read_images
from pipeline.stages.scale.answers import Answer, Answers, answer_id, forget_answers, read_answers
from pipeline.stages.scale.crops import add_crops, read_crops
from pipeline.stages.scale.rows import (
    ARRAYS,
    GROUP,
    ScaleRow,
    read_columns,
    rows_beside_another_text,
    rows_to_read,
    scale_columns,
    stored_reading,
)
from pipeline.stages.scale.sidecars import SidecarFile, read_sidecar
from pipeline.stages.scale.tables import TABLES
from pipeline.stages.selection import (
    ShardTask,
    count_rows,
    done_rows,
    image_count,
    once_paired,
    shard_rows,
    shard_tasks,
)
from pipeline.storage.location import Location

NAME = "scale"


@dataclass(frozen=True, slots=True)
class ReadTask:
    """Pictures of one shard that are to be read, the text files beside them, and what people said of them."""

    pictures: ShardTask
    sidecars: Mapping[int, SidecarFile]
    images: Mapping[int, tuple[Answer | None, bool]]  # answers of single pictures, and inherited ones
    fields: Mapping[int, Mapping[str, str]]  # what the maker's metadata say besides the pixel size

    @property
    def items(self) -> int:
        """Pictures."""
        return self.pictures.items

    @property
    def label(self) -> str:
        """Name of the shard."""
        return self.pictures.label


@dataclass(frozen=True, slots=True)
class AnswerTask:
    """Rows of one shard to which another answer applies than the stored one."""

    shard: Shard
    rows: NDArray[np.int64]
    answers: tuple[tuple[Answer | None, bool], ...]

    @property
    def items(self) -> int:
        """Rows."""
        return len(self.rows)

    @property
    def label(self) -> str:
        """Name of the shard."""
        return f"answers for shard {self.shard.number} of {GROUP}"


@dataclass(frozen=True, slots=True)
class _Read:
    """What reading a task came to: pictures that could not be had, and crops that were new."""

    skipped: int
    crops: Mapping[str, LabelReading]


def plan(context: Context) -> Plan | None:
    """Read what has no reading by this reader and these settings; then apply what people answered since."""
    if not context.recipe.scale.enabled:
        return None
    answers = read_answers(context.location, note=context.notes.append)
    rows, sidecars = rows_to_read(context)
    return _reading(context, answers, rows, sidecars) if len(rows) else _answering(context, answers)


def _reading(context: Context, answers: Answers, rows: NDArray[np.int64], sidecars: Mapping[int, SidecarFile]) -> Plan:
    root, key = context.root, scale_key(context.recipe)
    fields = read_images(root, "metadata")["metadata"]
    tasks = [_read_task(task, sidecars, answers, fields) for task in shard_tasks(root, GROUP, rows, with_sources=True)]
    build = partial(_reader, Contents(context.corpus, context.recipe.walk), key, answers.of_crops())
    return Plan(
        step="",
        tasks=tasks,
        job=Job(f"scale {key} {context.corpus.url}", build),
        writes=True,
        layout=partial(_layout, rows=image_count(root), per_shard=shard_rows(root)),
        merge=partial(_keep_crops, key=key),
        engine="dask",
        seconds_per_item=0.06,
        settings=context.recipe.scale.model_dump(),
        skipped=_skipped,
    )


def _read_task(
    task: ShardTask, sidecars: Mapping[int, SidecarFile], answers: Answers, fields: NDArray[np.generic]
) -> ReadTask:
    images = {source.image: answers.of(source.md5.hex(), "") for source in task.sources}
    return ReadTask(
        task,
        {row: sidecars[row] for row in task.rows.tolist() if row in sidecars},
        {image: found for image, found in images.items() if found[0] is not None},
        {row: json.loads(str(fields[row])) for row in task.rows.tolist() if fields[row]},
    )


def _layout(root: zarr.Group, *, rows: int, per_shard: int) -> None:
    require_rows(root, GROUP, ARRAYS, rows, per_shard)


def _skipped(result: _Read) -> int:
    return result.skipped


def _keep_crops(root: zarr.Group, results: Sequence[_Read], *, key: int) -> None:
    add_crops(root, key, (result.crops for result in results))


def _reader(contents: Contents, key: int, of_crops: Mapping[str, Answer], root: zarr.Group) -> Worker:
    known = read_crops(root, key)
    memory = LabelMemory(known)

    def worker(root: zarr.Group, task: ReadTask) -> _Read:
        memory.used.clear()
        found: dict[int, ScaleRow] = {}
        for source in task.pictures.sources:
            sidecar = task.sidecars.get(source.image)
            try:
                reading = _read(contents, source, sidecar, task.fields.get(source.image, {}), memory)
            except ImageError:
                continue  # gone or changed since the walk: it stays missing
            own, inherited = task.images.get(source.image, (None, False))
            if own is None or inherited:  # what was said of the very crop goes before what was said of an older one
                at_crop = of_crops.get(reading.crop)
                own, inherited = (own, inherited) if at_crop is None else (at_crop, False)
            found[source.image] = ScaleRow(reading, "" if sidecar is None else sidecar.md5, own, inherited)
        rows = np.array(sorted(found), np.int64)
        if len(rows):
            columns = scale_columns([found[row] for row in rows.tolist()])
            write_shard(root, GROUP, task.pictures.shard, rows, columns, key)
        return _Read(len(task.pictures.rows) - len(rows), _worth_keeping(memory, known, found))

    return worker


def _worth_keeping(
    memory: LabelMemory, known: Mapping[str, LabelReading], found: Mapping[int, ScaleRow]
) -> dict[str, LabelReading]:
    """New crops that may come again: lengths, settings, and what pictures rest on. Texture never comes twice."""
    named = {row.reading.crop for row in found.values()}
    return {
        digest: reading
        for digest, reading in memory.used.items()
        if digest not in known and (reading.value is not None or reading.is_certain or digest in named)
    }


def _read(
    contents: Contents, source: Source, file: SidecarFile | None, fields: Mapping[str, str], memory: LabelMemory
) -> ScaleReading:
    data = contents.read(source)
    gray, coloured = contents.decode_with_colours(data)
    width = gray.shape[1]
    notes: list[str] = []
    stated = None if np.isnan(source.nm_per_px) else source.nm_per_px
    if file is not None:
        sidecar = read_sidecar(contents.corpus, file)
        size = sidecar.size_for(width)
        fields = {**sidecar.fields, **fields}
        if size is not None:
            notes = [f"the text file beside it says {size:.6g} nm a pixel"]
            stated = size if stated is None else stated
    if stated is None and "unread_tag" in fields:
        notes.append(f"the file's tag {fields['unread_tag']} states no pixel size of this picture that is understood")
    reading = read_scale(gray, metadata_nm_per_px=stated, labels=memory, coloured=coloured)
    if reading.nm_per_px is not None:
        notes.append(remarks(reading.nm_per_px, width_px=width, fields=fields, data=data))
    reason = "; ".join(filter(None, (reading.reason, *notes)))
    return replace(reading, reason=reason, nm_per_px_y=_downwards(reading, fields))


def _downwards(reading: ScaleReading, fields: Mapping[str, str]) -> float | None:
    """Nanometres a pixel downwards, where the value is the metadata's and these state another height than width."""
    if reading.nm_per_px is None or reading.nm_per_px != reading.metadata_nm_per_px or "pixel_height" not in fields:
        return None
    return length_nm(*fields["pixel_height"].split(" "))


def _answering(context: Context, answers: Answers) -> Plan | None:
    """Rows that are read, but rest on another answer than the one that holds."""
    root, key = context.root, scale_key(context.recipe)
    rows, found = _to_answer(root, key, answers)
    if not len(rows):
        return None
    tasks = []
    for shard, chosen in shards_of(rows, shard_rows(root), image_count(root)):
        tasks.append(AnswerTask(shard, chosen, tuple(found[row] for row in chosen.tolist())))
    return Plan(
        step="answers",
        tasks=tasks,
        job=Job(f"scale answers {key}", partial(_answerer, key)),
        writes=True,
        seconds_per_item=0.0005,
        settings=context.recipe.scale.model_dump(),
    )


def _to_answer(
    root: zarr.Group, key: int, answers: Answers
) -> tuple[NDArray[np.int64], dict[int, tuple[Answer | None, bool]]]:
    rows = done_rows(root, GROUP, key)
    if not len(rows):
        return rows, {}
    crops, applied = (read_strings(root, f"{GROUP}/{name}")[rows].tolist() for name in ("crop", "answer"))
    if not answers.held and not any(applied):
        return rows[:0], {}
    md5 = hex_md5(read_images(root, "md5")["md5"][rows])
    found = {}
    for row, digest, crop, before in zip(rows.tolist(), md5, crops, applied, strict=True):
        answer = answers.of(digest, crop)
        if answer_id(*answer) != before:
            found[row] = answer
    return np.array(sorted(found), np.int64), found


def _answerer(key: int, _: zarr.Group) -> Worker:
    def worker(root: zarr.Group, task: AnswerTask) -> None:
        stored = read_columns(root, task.shard.start, task.shard.stop)
        changed = []
        for row, (answer, inherited) in zip(task.rows.tolist(), task.answers, strict=True):
            position = row - task.shard.start
            reading = stored_reading(stored, position, by_machine=True)
            changed.append(ScaleRow(reading, str(stored["sidecar"][position]), answer, inherited))
        write_shard(root, GROUP, task.shard, task.rows, scale_columns(changed), key)

    return worker


def statuses(root: zarr.Group) -> Mapping[str, int]:
    """Pictures by the status of their scale; those that have not been read are left out."""
    return count_values(read_strings(root, f"{GROUP}/status")) if GROUP in root else {}


def _status(root: zarr.Group, recipe: Recipe) -> Iterator[Done]:
    if recipe.scale.enabled:
        key = scale_key(recipe)
        yield count_rows(root, "", GROUP, key, outdated=len(rows_beside_another_text(root, key)))


def _forget(location: Location, gone: Gone) -> None:
    """Take the image out of what people entered."""
    forget_answers(location, gone.md5.hex())


STAGE = Stage(NAME, plan, TABLES, once_paired(_status), statuses, _forget)
