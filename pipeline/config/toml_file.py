"""TOML that people hand over: read without waiting, and whatever is wrong with it is one kind of error."""

import json
import os
import stat
import tomllib
from typing import Final

_MAX_BYTES: Final = 1 << 20


def read_toml_text(place: str) -> str:
    """The text of a file.

    Raises
    ------
    OSError, ValueError
        It cannot be read, is no regular file (a pipe would be waited for), no UTF-8 text, or of more than a MiB.
    """
    with open(os.open(os.path.expanduser(place), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES:,} bytes, which no settings need")
    return data.decode()


def parse_toml(text: str) -> dict[str, object]:
    """The tables of a TOML text.

    Raises
    ------
    tomllib.TOMLDecodeError
        It is no TOML.
    ValueError
        It is, but nested far too deeply, or with a number of more digits than a number has.
    """
    try:
        tables = tomllib.loads(text)
        json.dumps(tables, default=str)  # which asks for less than TOML allows: so much must be possible
    except RecursionError as error:
        raise ValueError("it is nested far too deeply") from error
    return tables
