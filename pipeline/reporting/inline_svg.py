"""Putting a stand-alone SVG figure inside the page: theme colours, unique ids, a spoken description."""

import re
from html import escape

from pipeline.reporting.figure_style import GRID, INK, MUTED

_PROLOG = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_IDS = re.compile(r'(\bid="|\bhref="#|url\(#)')
_SIZE = re.compile(r'<svg\b[^>]*?viewBox="([^"]*)"[^>]*>')
_TAG = re.compile(r"<[^>]*>")
_THEME = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)"}


def inline_svg(figure: bytes, *, name: str, description: str) -> str:
    """Return the figure as an ``<svg>`` element fit to stand in an HTML page.

    The neutral colours of `figure_style` become the page's variables, ids get the figure's name in front
    (two figures in one page both have an ``axes_1``), and the description is what a screen reader says.

    Parameters
    ----------
    figure : bytes
        SVG that `figure_style.draw` made; other SVG is not made safe by this function.
    name : str
        Letters, digits and underscores.
    description : str
        Any text; it is escaped.
    """
    svg = _PROLOG.sub("", figure.decode("utf-8")).strip()
    svg = svg.replace('<style type="text/css">*{', f'<style type="text/css">#{name} *{{', 1)
    # Only inside tags: the texts between them are labels of the corpus and stay as they are.
    svg = _TAG.sub(lambda match: _themed(match.group(), name), svg)
    opening = (
        f'<svg id="{name}" viewBox="\\1" role="img" aria-label="{_for_pattern(description)}" '
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return _SIZE.sub(opening, svg, count=1)


def width_points(figure: bytes) -> float:
    """Return the width of a figure that `figure_style.draw` made, in points (1/72 inch)."""
    found = _SIZE.search(figure.decode("utf-8"))
    if found is None:
        raise ValueError("the figure has no <svg> element with a viewBox; expected what figure_style.draw makes")
    return float(found[1].split()[2])


def _themed(tag: str, name: str) -> str:
    tag = _IDS.sub(lambda match: f"{match.group(1)}{name}-", tag)
    for color, variable in _THEME.items():
        tag = tag.replace(color, variable)
    return tag


def _for_pattern(text: str) -> str:
    return escape(text, quote=True).replace("\\", r"\\")
