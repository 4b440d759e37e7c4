"""Cron lines and time zones, as a CronJob, a RayCronJob and ``scrontab`` take them."""

import re
import zoneinfo
from typing import Final

_DESCRIPTORS: Final = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART: Final = re.compile(r"(?P<range>\*|\?|\w+(-\w+)?)(/(?P<step>\d+))?")


def cron_problem(line: str) -> str | None:
    """What is wrong with a cron line, or None.

    Five fields of lists, ranges, steps and names, or a word like ``@daily``. Days of the week run from 0 to 6: a 7 for
    Sunday, which some crons take, is refused by Kubernetes.

    Examples
    --------
    >>> cron_problem("15 2 * * mon-fri")
    >>> cron_problem("15 24 * * *")
    "'15 24 * * *': the hour '24' is not between 0 and 23"
    """
    if "TZ=" in line:
        return f"{line!r}: a time zone is given apart, in timeZone"
    if line.startswith("@"):
        return None if line in _DESCRIPTORS else f"{line!r} is none of {', '.join(_DESCRIPTORS)}"
    words = line.split()
    if len(words) != len(_FIELDS):
        return f"{line!r} has {len(words)} fields; a cron line has five: minute, hour, day, month, day of the week"
    for word, (name, least, most, names) in zip(words, _FIELDS, strict=True):
        for part in word.split(","):
            if what := _part_problem(part, name, least, most, names):
                return f"{line!r}: {what}"
    return None


def _part_problem(part: str, name: str, least: int, most: int, names: tuple[str, ...]) -> str | None:
    match = _PART.fullmatch(part)
    if match is None:
        return f"the {name} {part!r} is no number, range or list"
    if match["step"] == "0":
        return f"the {name} {part!r} has a step of 0"
    if match["range"] in ("*", "?"):
        return None
    values = []
    for text in match["range"].split("-"):
        value = names.index(text.lower()) + least if text.lower() in names else int(text) if text.isdecimal() else None
        if value is None or not least <= value <= most:
            return f"the {name} {text!r} is not between {least} and {most}"
        values.append(value)
    return f"the range {match['range']!r} runs backwards" if values != sorted(values) else None


def time_zone_problem(name: str) -> str | None:
    """What is wrong with a time zone's name, or None. ``Local`` and abbreviations are refused as in Kubernetes."""
    if name in zoneinfo.available_timezones() and name not in ("localtime", "Factory"):
        return None
    return f"{name!r} is no time zone of the IANA database, such as Europe/Amsterdam"
