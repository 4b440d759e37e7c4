"""The tables of `pair`: the groups of images that show one picture, and what was compared to find them."""

from pipeline.index.schema import Column, Table

_RELATION = Column(
    "relation",
    "text",
    "How the member is tied to its group: `same_pixels`, `same_picture` (another encoding), `near`, `thumbnail`, "
    "`crop`, `other_bar`, `cut_off` (its lower end is filled with one value), `turned` (by quarters), `mirrored` "
    "(and perhaps turned); of the image that stands for the group it is the closest tie to another member.",
)
_EVIDENCE = Column(
    "evidence",
    "text",
    "What the relation rests on: `equal_pixels`, `re_encoded` (one file's pixels encoded again are the other's bytes), "
    "`quantisation` (within what the JPEGs' quantisation explains), `levels` (at most 2 gray levels), `gray_scale` "
    "(so after a linear change of gray, of a file of more than 8 bits), `resampled`.",
)
_DIFFERING = Column("differing_pixels", "int64", "Pixels that differ from the one it is tied to.", "px")
_MAX_DIFFERENCE = Column("max_difference", "int64", "Largest difference of gray values, 0 to 255.")

DUPLICATES = Table(
    "duplicates",
    "A row is a member of a group of images that show one picture.",
    (
        Column("group", "int64", "The group's name: the image that stands for it.", of="image"),
        Column("image", "int64", "Row in the store's `images` arrays.", of="image"),
        _RELATION,
        _EVIDENCE,
        _DIFFERING,
        _MAX_DIFFERENCE,
    ),
)

_PAIR = (
    Column("first", "int64", "One image of the pair.", of="image"),
    Column("second", "int64", "The other.", of="image"),
)

COMPARISONS = Table(
    "comparisons",
    "A row is a pair of images that were compared pixel by pixel.",
    (
        *_PAIR,
        _RELATION,
        _EVIDENCE,
        _DIFFERING,
        _MAX_DIFFERENCE,
        Column("mean_difference", "float64", "Mean difference of gray values."),
    ),
    report=None,
)

FINGERPRINTS = Table(
    "fingerprints",
    "A row is a hash of a field of an image that has many look-alikes.",
    (
        Column("image", "int64", "The image.", of="image"),
        Column("fields", "uint64", "Hashes of its fields.", shape=None),
    ),
    report=None,
)

SEARCHED = Table(
    "searched",
    "A row is an image whose look-alikes have been looked for.",
    (Column("image", "int64", "The image.", of="image"),),
    report=None,
)

UNAVAILABLE = Table(
    "unavailable",
    "A row is a pair that could not be compared, since a file could not be read.",
    _PAIR,
    report=None,
)

TABLES = (DUPLICATES, COMPARISONS, FINGERPRINTS, SEARCHED, UNAVAILABLE)
