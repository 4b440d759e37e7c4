"""The puzzling paths that a shared microscope's disk has: people, dates, spaces, letters beyond ASCII."""

from pathlib import PurePosixPath

from pipeline.demo.randomness import stream

FOLDERS = (
    "Anna Rossi/2016-03-14 TiO2",
    "Anna Rossi/2016-03-15 TiO2 (bis)/da rifare",
    "B. Müller/ZnO neu/Bilder",
    "utente3/campione_prova",
    "Zoë & Tomás/2015/07 luglio",
    "guest/EVO sessions/2014_11_03",
    "old SEM/2011/disk 2",
    "Škoda J/lotto-7/dopo ricottura",
    "東京/試料A",
    "tesi_Bianchi/cap. 4/figure",
)
_STEMS = (
    "Si-{number:04d}",
    "prova {number}",
    "Bild_{number:04d}",
    "img{number}",
    "A{number} - 2nd try",
    "ø{number}_b",
)
_COPIES = (
    "backup 2017/{name}",
    "{folder}/Copia di {name}",
    "per articolo/Fig. {name}",
    "{folder}/export/{name}",
    "{folder}/retouched/{name}",
)


def picture_path(seed: int, key: str, number: int) -> str:
    """Return where a picture lies, without suffix; ``number`` is unique and keeps paths apart."""
    rng = stream(seed, key, "path")
    folder = FOLDERS[int(rng.integers(len(FOLDERS)))]
    stem = _STEMS[int(rng.integers(len(_STEMS)))]
    return f"{folder}/{stem.format(number=number)}"


def copy_path(path: str, way: int) -> str:
    """Return where a copy of the file ``path`` lies; ``way`` (0 to 4) chooses a habit of making copies."""
    original = PurePosixPath(path)
    return _COPIES[way].format(folder=original.parent, name=original.name)
