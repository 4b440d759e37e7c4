"""A summary of changes in words: as Markdown for a page, and as a mail in plain text whose paths can be copied."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header

from pipeline.operations.changes import Changes, Drift
from pipeline.records import SCALE_STATUSES_WITH_VALUE

_MOST_NAMED = 20  # files or clusters that a list names; the figures count all
_BAD_WORDS = {
    "focus": "less sharp than 95% of the older ones",
    "contrast_levels": "of less contrast than 95% of the older ones",
    "noise_levels": "noisier than 95% of the older ones",
    "saturated_share": "with more black or white than 95% of the older ones",
    "filled_share": "suspect, their lower end is filled with one value",
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A path that can be copied, and what is to be said of it; one of them may be empty."""

    path: str = ""
    words: str = ""


def to_markdown(changes: Changes, *, title: str) -> str:
    """A page for people: figures first, then names."""
    lines = [f"# {title}: {changes.subject}", "", f"Commits {changes.since[:8]} to {changes.until[:8]}.", ""]
    lines += ["| what | number |", "|---|---:|", *(f"| {what} | {n:,} |" for what, n in _counts(changes)), ""]
    for name, entries in _sections(changes):
        lines += [f"## {name}", ""]
        for entry in entries[:_MOST_NAMED]:
            lines.append("- " + ": ".join(_verbatim(text) for text in (entry.path, entry.words) if text))
        lines += [*([f"- and {more:,} more"] if (more := len(entries) - _MOST_NAMED) > 0 else []), ""]
    return "\n".join(lines).rstrip() + "\n"


def to_mail(changes: Changes, *, title: str) -> str:
    """A mail in plain text, with its header: a path stands alone on its line, as it is.

    What is not printable in a path is shown as a replacement character, so that no name can end a line.
    """
    subject = _clean(f"{title}: {changes.subject}")
    encoded = subject if subject.isascii() else Header(subject, "utf-8", maxlinelen=70).encode()
    head = [
        f"Subject: {encoded}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
    ]
    counts = [(what, n) for what, n in _counts(changes) if n]
    body = [f"{n:>7,}  {what}" for what, n in counts] or ["Nothing changed."]
    for name, entries in _sections(changes):
        body += ["", f"{name}:"]
        for entry in entries[:_MOST_NAMED]:
            if entry.path:
                body.append(f"  {_clean(entry.path)}")
            if entry.words:
                body.append(f"{'      ' if entry.path else '  '}{_clean(entry.words)}")
        body += [f"  and {more:,} more"] if (more := len(entries) - _MOST_NAMED) > 0 else []
    body += ["", f"Commits {changes.since[:8]} to {changes.until[:8]}."]
    return "\n".join([*head, *body]) + "\n"


def _counts(changes: Changes) -> list[tuple[str, int]]:
    with_scale = sum(count for status, count in changes.scales.items() if status in SCALE_STATUSES_WITH_VALUE)
    return [
        ("new files", len(changes.new)),
        ("changed files", len(changes.changed)),
        ("moved files", len(changes.moved)),
        ("gone files", len(changes.gone)),
        ("files that failed", len(changes.failed)),
        ("new side files, no pictures by intention", len(changes.side)),
        ("new pictures", changes.new_pictures),
        *((f"new duplicates, {relation.replace('_', ' ')}", n) for relation, n in changes.new_duplicates.items()),
        *([("new pictures with a scale", with_scale)] if changes.scales else []),
        ("older pictures whose scale changed", len(changes.rescaled)),
        *((f"new pictures {_BAD_WORDS[measure]}", n) for measure, n in changes.quality.items()),
    ]


def quality_in_words(changes: Changes) -> str:
    """How many of the new pictures are bad, and in what, in one line; empty where none is."""
    return "; ".join(f"{n:,} {_BAD_WORDS[measure]}" for measure, n in changes.quality.items())


def _sections(changes: Changes) -> list[tuple[str, list[_Entry]]]:
    """The named lists that are not empty."""
    status = [f"{word.replace('_', ' ')}: {n:,}" for word, n in changes.scales.items()]
    grown = [f"{g.clustering}, cluster {g.cluster}: {g.before:,} to {g.after:,} pictures" for g in changes.grown]
    found = [
        ("Failed", [_Entry(path, reason) for path, reason in changes.failed]),
        ("New", _paths(changes.new)),
        ("New side files", _paths(changes.side)),
        ("Changed", _paths(changes.changed)),
        ("Moved", [_Entry(new, f"was {old}") for old, new in changes.moved]),
        ("Gone", _paths(changes.gone)),
        ("Scales that changed", [_Entry(path, what) for path, what in changes.rescaled]),
        ("Scales of the new pictures", _words(status)),
        ("Clusters that grew", _words(grown)),
        ("Drift", _words([_drift_in_words(drift) for drift in changes.drift])),
    ]
    return [(name, entries) for name, entries in found if entries]


def _paths(paths: Sequence[str]) -> list[_Entry]:
    return [_Entry(path) for path in paths]


def _words(lines: Sequence[str]) -> list[_Entry]:
    return [_Entry(words=line) for line in lines]


def _drift_in_words(drift: Drift) -> str:
    return (
        f"{drift.vectors}: the {drift.new:,} new pictures lie {drift.distance_ratio:.2f} times as far from their "
        f"nearest neighbour as the older ones (medians); {drift.unlike:,} are farther than 99% of the older ones"
    )


def _clean(text: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _verbatim(text: str) -> str:
    """Names of files hold whatever people typed: nothing in them is markup or a line's end."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in _clean(text))
