"""imagededup and cleanvision on a folder of pictures; run by an interpreter that has them, and not semcorpus.

    PYTHON benchmarks/duplicates_peers.py FOLDER pHash-10|pHash-3|cleanvision

Prints JSON: the seconds, and the groups of files that are taken for one picture. Needs Python with
``pip install imagededup cleanvision torch==2.13.0 torchvision==0.28.0``; never a dependency of semcorpus.
"""

import importlib
import json
import runpy
import sys
import time
from pathlib import Path


def _declare_torchvision_operators() -> dict[str, object]:
    """As semcorpus does it, from its file: the package itself is not installed here. Keep what is returned."""
    names = runpy.run_path(str(Path(__file__).parents[1] / "pipeline/models/torchvision_ops.py"))
    names["declare_torchvision_operators"]()
    return names


def by_phash(folder: Path, most_bits: int) -> list[tuple[str, ...]]:
    """imagededup: 64-bit perceptual hashes, at most so many bits apart; pairs."""
    from imagededup.methods import PHash

    method = PHash(verbose=False)
    found = method.find_duplicates(
        encoding_map=method.encode_images(image_dir=str(folder), num_enc_workers=0),
        max_distance_threshold=most_bits,
        num_dist_workers=0,
    )
    return sorted({tuple(sorted((name, other))) for name, others in found.items() for other in others})


def by_cleanvision(folder: Path) -> list[tuple[str, ...]]:
    """cleanvision: exact and near duplicates with its default settings; groups."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder), verbose=False)
    lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    groups = [*lab.info["exact_duplicates"]["sets"], *lab.info["near_duplicates"]["sets"]]
    return [tuple(Path(name).name for name in group) for group in groups]


def main() -> None:
    """Run one of the methods."""
    folder, method = Path(sys.argv[1]), sys.argv[2]
    operators = _declare_torchvision_operators()
    for name in ("cleanvision", "imagededup.methods"):
        importlib.import_module(name)  # loaded before the clock starts
    began = time.perf_counter()
    groups = by_cleanvision(folder) if method == "cleanvision" else by_phash(folder, int(method.rpartition("-")[2]))
    operators.clear()
    print(json.dumps({"seconds": time.perf_counter() - began, "groups": [list(group) for group in groups]}))


if __name__ == "__main__":
    main()
