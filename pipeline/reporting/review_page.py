"""The page on which a person confirms or corrects scales; its answers come back as a downloaded file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A crop or a picture to judge.

    Attributes
    ----------
    thing : str
        ``crop:DIGEST`` or ``image:MD5``.
    images : int
        Pictures that hang on it.
    statuses : mapping of str to int
        How many of them have which status, the most doubtful first.
    text, confidence, reason, bar_length_px, nm_per_px, metadata_nm_per_px
        The most doubtful picture's reading.
    answer : str
        What a person said before; empty if nobody did.
    picture : str
        A piece of one picture, as a ``data:`` address.
    size : (width, height)
        Of the piece in pixels.
    width_px : int
        Of the piece in the picture's own pixels.
    blocked : bool
        Whether a printed field width contradicts what was read: then it cannot be confirmed, only be said anew.
    segment, label : (x, y, width, height) or None
        In the piece, as shares of its width and height.
    path, md5 : str
        The picture that is shown.
    """

    thing: str
    images: int
    statuses: Mapping[str, int]
    text: str
    confidence: float
    reason: str
    bar_length_px: float | None
    nm_per_px: float | None
    metadata_nm_per_px: float | None
    answer: str
    picture: str
    size: tuple[int, int]
    width_px: int
    blocked: bool
    segment: Box | None
    label: Box | None
    path: str
    md5: str


@dataclass(frozen=True, slots=True)
class Review:
    """All that the page is made of; ``left_out`` things, the least doubtful, are not on it."""

    index: str
    corpus: str
    commit: str
    items: Sequence[ReviewItem]
    left_out: int


def render_review(review: Review) -> str:
    """Return the page as HTML; the same data give the same text.

    Everything that came from the corpus is escaped. The page builds what it shows as one scrolls, so that thousands of
    things open at once; some 4 KB each.
    """
    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    loader = environment.loader
    assert loader is not None
    static = {name: Markup(loader.get_source(environment, name)[0]) for name in ("page.css", "review.css", "review.js")}
    return environment.get_template("review.html").render(
        review=review, static=static, items=[_as_json(item) for item in review.items]
    )


def _as_json(item: ReviewItem) -> dict[str, object]:
    values = {name: getattr(item, name) for name in ReviewItem.__slots__}
    return values | {"statuses": [[name, count] for name, count in item.statuses.items()]}
