"""What was published beside what was found, in words for the page and the terminal."""

from pipeline.reporting.columns import Tables, filled, numbers, texts
from pipeline.reporting.sections import NO_VALUE, TableView

HEADERS = ("figure", "published", "ours", "difference", "why")


def comparison_rows(tables: Tables) -> list[tuple[str, ...]]:
    """A row a figure, as `HEADERS` says; of a finding the answer stands where ours would."""
    table = filled(tables, "comparison")
    if table is None:
        return []
    columns = (numbers(table, name) for name in ("published", "ours", "difference"))
    named = (texts(table, name) for name in ("figure", "unit", "answer", "why"))
    return [
        (
            figure,
            value(published, unit),
            answer or value(ours, unit),
            value(difference, unit, sign=True) if difference == difference else "",
            why,
        )
        for published, ours, difference, figure, unit, answer, why in zip(*columns, *named, strict=True)
    ]


def value(number: float, unit: str, *, sign: bool = False) -> str:
    """A number with its unit, with three digits or so; a dash for none.

    Examples
    --------
    >>> value(81.2, "%"), value(0.32, ""), value(-0.1234, "", sign=True), value(52682, "")
    ('81.2%', '0.32', '-0.123', '52,682')
    """
    if number != number:
        return NO_VALUE
    plus = "+" if sign and number > 0 else ""
    if abs(number) >= 1000 or (number == int(number) and unit != "%"):
        text = f"{number:,.0f}"
    else:
        text = f"{number:.1f}" if unit == "%" else f"{number:.3g}"
    return f"{plus}{text}{unit if unit == '%' else f' {unit}' if unit else ''}"


def comparison_table(tables: Tables) -> TableView | None:
    """The table of the page's first screen; None where the index is of no study."""
    rows = comparison_rows(tables)
    return TableView("Published and found", HEADERS, rows, frozenset({1, 2, 3})) if rows else None
