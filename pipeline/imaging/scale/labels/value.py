"""From the text of a scale bar's label to a value with its unit.

Recognisers do not print what the microscope printed: the micro sign comes back as ``u``, ``y``, ``w``,
``j`` or ``p``, a decimal comma as a full stop. `parse_label` undoes what can be undone and *says so* in
`LabelValue.doubt` where more than the text is needed before the value may be believed.
"""

import math
import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

Unit = Literal["pm", "nm", "um", "mm"]

NM_PER_UNIT: Final[dict[Unit, float]] = {"pm": 1e-3, "nm": 1.0, "um": 1e3, "mm": 1e6}

SHORTEST_NM: Final = 1e-3
LONGEST_NM: Final = 1e7
_LARGEST_NUMBER: Final = 1000.0

# Leading digits of the lengths that microscopes choose for their bars (1-2-5, rulers, Zeiss's 3, FEI's 4).
USUAL_MANTISSAS: Final = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)

_UNIT_SPELLINGS: Final[dict[str, Unit]] = {
    "pm": "pm",
    "nm": "nm",
    "μm": "um",
    "um": "um",
    "μum": "um",
    "micron": "um",
    "microns": "um",
    "mm": "mm",
}
# Seen from recognisers for a printed micro sign, and for nothing else.
_MICRO_MISREADINGS: Final = frozenset({"yum", "jum", "pum", "wm", "ym", "jm", "hm", "um.", "uum", "lum", "gm", "vm"})

_NUMBER: Final = r"(?P<number>[0-9OoIl|]{1,4}(?:\s?[.,]\s?[0-9Oo]{1,3})?)"
_ANGSTROM: Final = "\N{LATIN CAPITAL LETTER A WITH RING ABOVE}"
_LABEL: Final = re.compile(rf"^{_NUMBER}\s*(?P<unit>[A-Za-zμ]{{2,7}}|{_ANGSTROM})\.?$")
_TICKS: Final = "H\N{CJK UNIFIED IDEOGRAPH-4E0A}\N{CJK UNIFIED IDEOGRAPH-5DE5}\N{CJK UNIFIED IDEOGRAPH-571F}"
_NAMED: Final = re.compile(
    rf"(?:scale\s*bar|scale|bar)\s*[=:]?\s*(?=\d)|(?:[{_TICKS}]\s*|[Il|]\s+)(?=\d)", re.IGNORECASE
)
"""What a bar is called before its length, or a tick of the bar that was taken for a letter."""

# What clings to a label: the bar's own ticks and arrows, Zeiss's asterisk, specks.
_LEADING: Final = (
    "|-\N{EN DASH}\N{EM DASH}\N{CJK UNIFIED IDEOGRAPH-4E00}\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}<>[](){}~_'\"` "
)
_TRAILING: Final = _LEADING + "*°.,:;•·"
_LOOKALIKES: Final = str.maketrans({"O": "0", "o": "0", "I": "1", "l": "1", "|": "1"})


@dataclass(frozen=True, slots=True)
class LabelValue:
    """A label understood.

    Attributes
    ----------
    value : float
        The number as printed (``5.0`` for ``"5,00 um"``), or a tenth of it for one in Ångström.
    unit : str
        ``pm``, ``nm``, ``um`` or ``mm``.
    scale_nm : float
        The length in nanometres.
    text : str
        The label, cleaned: ``"5 um"``.
    doubt : str
        Why the text alone is not enough (a guessed letter, an unusual value), in words; empty if it is.
    """

    value: float
    unit: Unit
    scale_nm: float
    text: str
    doubt: str = ""


def parse_label(text: str) -> LabelValue | None:
    """Understand a label such as ``200 nm``, ``1 µm*``, ``50.0um``, ``5,00 um``, ``2.00 mm`` or ``5 Å``.

    Parameters
    ----------
    text : str
        What a recogniser gave for the crop of the label, and of nothing else: other words make it None.

    Returns
    -------
    LabelValue or None
        None for an empty text, a text that is not one number and one unit of length, a number of zero or
        with a lost first digit (``00 nm``), or a length outside 1 pm to 10 mm.

    Examples
    --------
    >>> parse_label("5,00 um").scale_nm
    5000.0
    >>> parse_label("1 pm").doubt
    "'pm' is how a printed 'µm' is often misread"
    >>> parse_label("WD 10 mm") is None
    True
    """
    match = _LABEL.match(_cleaned(text))
    if match is None:
        return None
    number, digits_doubt = _number(match["number"])
    unit, unit_doubt = _unit(match["unit"])
    if number is None or unit is None:
        return None
    if match["unit"] == _ANGSTROM:
        number /= 10
    scale_nm = number * NM_PER_UNIT[unit]
    if not SHORTEST_NM <= scale_nm <= LONGEST_NM:
        return None
    doubt = digits_doubt or unit_doubt or _value_doubt(number)
    return LabelValue(number, unit, scale_nm, f"{number:g} {unit}", doubt)


def after_name(text: str) -> str | None:
    """The rest of a line after what a bar is called, or after a tick that was taken for a letter; None without one.

    Examples
    --------
    >>> after_name("Scale bar: 5 um")
    '5 um'
    >>> after_name("WD 10 mm") is None
    True
    """
    plain = _cleaned(text)
    match = _NAMED.match(plain)
    return None if match is None else plain[match.end() :]


def same_but_for_rings(text: str, without: str) -> bool:
    """Whether a length in Ångström was read the same by a reader that knows no ring above an A.

    Examples
    --------
    >>> same_but_for_rings("10 \N{ANGSTROM SIGN}", "1oA")
    True
    """
    one, other = ("".join(_cleaned(part).split()).translate(_LOOKALIKES) for part in (text, without))
    return _ANGSTROM in one and one.replace(_ANGSTROM, "A") == other


def is_usual_value(value: float) -> bool:
    """Tell whether microscopes print this number on a bar (1-2-5 and a few more, times a power of ten, up to 1,000)."""
    if not math.isfinite(value) or not 0 < value <= _LARGEST_NUMBER:
        return False
    mantissa = value / 10.0 ** math.floor(math.log10(value) + 1e-9)
    return any(math.isclose(mantissa, usual, rel_tol=1e-6) for usual in USUAL_MANTISSAS)


def points_between_digits(text: str) -> int:
    """How many points there are between digits, or spaces: readers see one where a point is too pale for them."""
    return len(re.findall(r"(?<=[0-9])[., ]+(?=[0-9oO])", text))


def is_cut_number(text: str) -> bool:
    """Tell whether a text is a length of zero, such as ``0.0 um``: what is left of a label without its first digit."""
    match = _LABEL.match(_cleaned(text))
    return match is not None and _unit(match["unit"])[0] is not None and not re.search(r"[1-9Il|]", match["number"])


def _cleaned(text: str) -> str:
    """NFKC (one micro sign instead of two), outer ticks and specks off, single spaces."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    return plain.lstrip(_LEADING).rstrip(_TRAILING)


def _number(printed: str) -> tuple[float | None, str]:
    """The number and a doubt about it; None where a digit must be missing."""
    doubt = "" if re.fullmatch(r"[0-9.,\s]+", printed) else f"letters among the digits of {printed!r}"
    digits = re.sub(r"\s", "", printed).translate(_LOOKALIKES)
    if re.fullmatch(r"\d,\d{3}", digits):
        doubt = doubt or f"the comma of {printed!r} may separate thousands or decimals"
    digits = digits.replace(",", ".")
    if re.match(r"0\d", digits) or float(digits) == 0.0:
        return None, doubt
    return float(digits), doubt


def _unit(printed: str) -> tuple[Unit | None, str]:
    """The unit and a doubt about it; None for another word."""
    if printed == _ANGSTROM:
        return "nm", ""
    lower = printed.lower()
    unit = _UNIT_SPELLINGS.get(lower)
    if unit == "pm":
        return unit, "'pm' is how a printed 'µm' is often misread"
    if unit is not None:
        return unit, ""
    if lower in _MICRO_MISREADINGS:
        return "um", f"{printed!r} taken for 'µm'"
    return None, ""


def _value_doubt(number: float) -> str:
    # Above 1,000 makers take the next unit: a stroke before the number was taken for a digit.
    return "" if is_usual_value(number) else f"{number:g} is no usual length of a scale bar"
