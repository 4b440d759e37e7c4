"""Globs that choose paths: ``*`` within a name, ``**`` across folders, a pattern without a slash at any depth."""

import fnmatch
import re
from functools import lru_cache


def matches(path: str, pattern: str) -> bool:
    """Whether a relative path matches.

    ``*`` and ``?`` match within a name, ``[a-z]`` and ``[!a-z]`` one character, ``**`` any number of folders. A
    pattern without a slash is compared with the file's name alone. Case matters.

    Examples
    --------
    >>> matches("share/2024/a.tif", "*.tif"), matches("share/2024/a.tif", "share/*.tif")
    (True, False)
    >>> matches("share/2024/a.tif", "share/**"), matches("a.tif", "**/a.tif")
    (True, True)
    """
    subject = path if "/" in pattern or pattern == "**" else path.rpartition("/")[2]
    return _compiled(pattern.removeprefix("/")).fullmatch(subject) is not None


# In order of preference: "**/" stands for no folder, too; an unclosed bracket is a plain character.
_TOKEN = re.compile(r"(?P<folders>(?:(?<=/)|^)\*\*/)|(?P<all>\*\*)|(?P<some>\*)|(?P<one>\?)|(?P<set>\[!?\]?[^]]*\])")
_MEANING = {"folders": "(?:.*/)?", "all": ".*", "some": "[^/]*", "one": "[^/]"}


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for token in _TOKEN.finditer(pattern):
        parts += [re.escape(pattern[end : token.start()]), _expression(token)]
        end = token.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)


def _expression(token: re.Match[str]) -> str:
    if token.lastgroup != "set":
        return _MEANING[str(token.lastgroup)]
    return "(?!/)" + fnmatch.translate(token.group())[:-2]  # without its end-of-text mark, \\Z
