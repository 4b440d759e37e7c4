"""From a line of a data bar's text to the field width or the magnification that it states.

Makers name them in many ways: ``HFW 20.7 µm``, ``View field: 415 µm``, ``FOV:30.0 x 22.5 µm``, ``Width = 11.4 µm``;
``Mag = 5.00 K X``, ``X5,000``, ``x1.5k``, ``1 000 x``. Any other length (working distance, aperture, stage) is neither.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_I: Final = "[il1]"
"""What readers that see no difference take for each other."""

_NAMES: Final = ("h?fw", "h?f[o0]v", "f_e_dofv_ew", "ewf_e_d", "f_e_dw_dth", "(?<![a-z])w_dth")
_FIELD_NAME: Final = f"(?:{'|'.join(_NAMES)})".replace("_", _I)
_LENGTH: Final = r"([0-9]{1,4}(?:[.,][0-9]{1,3})?)(?:x[0-9.,]+)?(nm|um|pm|mm)"
_NAMED_FIELD: Final = re.compile(rf"{_FIELD_NAME}[:=]?{_LENGTH}(?![a-z])")
_LENGTH_ALONE: Final = re.compile(rf"^{_LENGTH}$")
_NAME_ALONE: Final = re.compile(rf"{_FIELD_NAME}[:=]?$")

_TIMES: Final = r"([0-9]{1,7}(?:,[0-9]{3})?(?:[.,][0-9]{1,2})?|[0-9]{1,3}\.[0-9]{1,3}(?=k))"
_MAGNIFICATIONS: Final = (
    re.compile(rf"mag(?:n[a-z]*)?[:=.]?x?{_TIMES}(k?)x?(?![0-9.,a-wyz])"),
    re.compile(rf"(?<![0-9])(?<![0-9][.,])x{_TIMES}(k?)(?![0-9.,knu])"),
    re.compile(rf"^{_TIMES}(k?)x$"),
)

_LIKE_A_NAME: Final = re.compile(rf"{_FIELD_NAME}|(?:^|[^a-z]|x)h[a-z]{{1,3}}[:=]?{_LENGTH}")
"""Where the letters of small bold print touch, ``HFW`` is read as ``HP`` or ``HR``."""

_NM: Final = {"nm": 1.0, "um": 1e3, "pm": 1e3, "mm": 1e6}
"""No field is a picometre wide: a ``pm`` beside its name is how a printed ``µm`` is read."""

_FIELD_NM: Final = (1.0, 1e8)
_MAGNIFICATION: Final = (5.0, 1e7)
_UNIT: Final = {"nm": "nm", "um": "um", "pm": "um", "mm": "mm"}


@dataclass(frozen=True, slots=True)
class FieldWidth:
    """A field width in nanometres, and how it is printed (``"20.7 um"``)."""

    nm: float
    text: str


def plain(text: str) -> str:
    """A line without spaces, in small letters, with one micro sign (``u``) and one times sign (``x``)."""
    joined = "".join(unicodedata.normalize("NFKC", text).split()).lower()
    return joined.replace("\N{GREEK SMALL LETTER MU}", "u").replace("\N{MULTIPLICATION SIGN}", "x")


def may_be_field(text: str) -> bool:
    """Whether a line is a field width, a length that may be one, or the name of one."""
    line = plain(text)
    return any(pattern.search(line) for pattern in (_NAMED_FIELD, _LENGTH_ALONE, _NAME_ALONE))


def names_field(text: str) -> bool:
    """Whether what may be the name of a field width is in a line, with or without a value that can be read."""
    return _LIKE_A_NAME.search(plain(text)) is not None


def parse_field(text: str, *, name: str = "") -> FieldWidth | None:
    """The field width that a length with its name states; None for any other text.

    Parameters
    ----------
    text : str
        A line, as a reader saw it.
    name : str
        Another line, before or above it, where names stand apart from their values.

    Examples
    --------
    >>> parse_field("HFW 20.7 µm")
    FieldWidth(nm=20700.0, text='20.7 um')
    >>> parse_field("207 µm", name="HFW").nm
    207000.0
    >>> parse_field("WD = 10.1 mm") is None
    True
    """
    line = plain(text)
    match = _NAMED_FIELD.search(line)
    if match is None and _NAME_ALONE.search(plain(name)):
        match = _LENGTH_ALONE.search(line)
    number = None if match is None else _number(match[1], by_thousand=False)
    if match is None or number is None or not _FIELD_NM[0] <= number * _NM[match[2]] <= _FIELD_NM[1]:
        return None
    return FieldWidth(number * _NM[match[2]], f"{match[1]} {_UNIT[match[2]]}")


def parse_times(text: str) -> float | None:
    """The magnification in a line such as ``Mag = 5.00 K X``, ``X5,000``, ``x1.5k`` or ``1 000 x``; None without one.

    Examples
    --------
    >>> parse_times("10.0kV 14.4mm x1.00k SE(M)")
    1000.0
    """
    line = plain(text)
    matches = (match for pattern in _MAGNIFICATIONS if (match := pattern.search(line)) is not None)
    return next((value for match in matches if (value := _times(match[1], match[2])) is not None), None)


def meaning(text: str) -> tuple[FieldWidth | None, float | None, str]:
    """What a line states; where it states neither a field width nor a magnification, its plain text.

    For telling whether two readers saw the same, whatever else stands in the line.
    """
    field, times = parse_field(text), parse_times(text)
    return field, times, plain(text) if field is None and times is None else ""


def _times(number: str, thousand: str) -> float | None:
    value = _number(number, by_thousand=not thousand)
    value = None if value is None else value * (1000.0 if thousand else 1.0)
    return value if value is not None and _MAGNIFICATION[0] <= value <= _MAGNIFICATION[1] else None


def _number(printed: str, *, by_thousand: bool) -> float | None:
    """A number; None where a comma or point before three digits may stand for either, or a point was lost after a 0."""
    if re.fullmatch(r"[0-9]+,[0-9]{3}", printed):
        return float(printed.replace(",", "")) if by_thousand else None
    if re.match(r"0[0-9]", printed) or (by_thousand and re.fullmatch(r"[0-9]+\.[0-9]{3}", printed)):
        return None
    return float(printed.replace(",", ".")) if printed.count(",") + printed.count(".") <= 1 else None
