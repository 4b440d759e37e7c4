"""Lines of JSON that are checksummed and chained: a flipped bit, a lost line and a lost file are found.

A line holds ``record``, what was entered (null where it has been forgotten); ``id``, the digest of it as it was first
entered with a random ``token``; ``after``, the id of the line before it, in the same file or the one before; and
``digest``, that of all these as they stand. So a record can be forgotten without touching the lines after it.
Lines of an older version are bare records; `seal` makes sealed ones of them, the same ones every time.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

_KEYS: Final = frozenset({"after", "digest", "id", "record", "token"})
_LIKE_A_SEAL: Final = 3  # of these names: a bit that flips spoils one of them


class DamagedLinesError(ValueError):
    """The lines are not those that were written."""


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A line; see the module."""

    record: Mapping[str, object] | None
    id: str
    after: str
    token: str

    def with_record(self, record: Mapping[str, object] | None) -> "SealedLine":
        """The same line saying less."""
        return replace(self, record=record)


def seal(records: Sequence[Mapping[str, object]], after: str, token: str) -> list[SealedLine]:
    """Records as lines that follow the line of id ``after`` (empty for the first of all)."""
    lines: list[SealedLine] = []
    for record in records:
        made = _digest([after, token, record])
        lines.append(SealedLine(record, made, after, token))
        after = made
    return lines


def to_bytes(lines: Sequence[SealedLine]) -> bytes:
    """The content of a file."""
    return "".join(f"{json.dumps(_sealed(line), sort_keys=True, ensure_ascii=False)}\n" for line in lines).encode()


def from_bytes(data: bytes) -> list[SealedLine] | list[dict[str, Any]]:
    """The lines of a file, or its bare records where an older version wrote it.

    Raises
    ------
    DamagedLinesError
        A line is cut off, is no JSON, disagrees with its digest, or does not follow the one before.
    """
    if not data.endswith(b"\n"):
        raise DamagedLinesError("cut off")
    try:
        found = [json.loads(line) for line in data.decode().split("\n") if line]
    except ValueError as error:
        raise DamagedLinesError(str(error)) from error
    if not all(isinstance(line, dict) for line in found):
        raise DamagedLinesError("a line is no record")
    if not any(len(_KEYS & line.keys()) >= _LIKE_A_SEAL for line in found):
        return found
    lines = [_checked(line) for line in found]
    for line, before in zip(lines[1:], lines, strict=False):
        if line.after != before.id:
            raise DamagedLinesError("a line is missing")
    return lines


def _checked(line: dict[str, Any]) -> SealedLine:
    if line.keys() != _KEYS:
        raise DamagedLinesError("a line lacks its seal")
    sealed = SealedLine(line["record"], line["id"], line["after"], line["token"])
    if _sealed(sealed) != line:
        raise DamagedLinesError("a line is not what was written")
    return sealed


def _sealed(line: SealedLine) -> dict[str, Any]:
    content = {"after": line.after, "id": line.id, "record": line.record, "token": line.token}
    return {**content, "digest": _digest(content)}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
