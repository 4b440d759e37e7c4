"""The texture classes of made corpora, by name, with the label that a person would give each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from pipeline.demo.biological import draw_biological
from pipeline.demo.fibres import draw_fibres
from pipeline.demo.films import draw_films
from pipeline.demo.mems import draw_mems
from pipeline.demo.nanowires import draw_nanowires
from pipeline.demo.particles import draw_particles
from pipeline.demo.patterned import draw_patterned
from pipeline.demo.porous import draw_porous
from pipeline.demo.powder import draw_powder
from pipeline.demo.relief import Shape, Signal
from pipeline.demo.tips import draw_tips


@dataclass(frozen=True, slots=True)
class Texture:
    """One class of picture.

    Attributes
    ----------
    category : str
        The label's name as in the reference study's label sets.
    draw : callable
        ``draw(rng, (height, width))`` returns the signal, float32 [height, width], 0 black to 1 white.
    smallest_nm, largest_nm : float
        Range of the printed scale lengths, in nanometres, at which such a sample is looked at.
    """

    category: str
    draw: Callable[[np.random.Generator, Shape], Signal]
    smallest_nm: float
    largest_nm: float


TEXTURES: Mapping[str, Texture] = MappingProxyType(
    {
        "particles": Texture("Particles", draw_particles, 1, 2e3),
        "fibres": Texture("Fibres", draw_fibres, 200, 100e3),
        "porous": Texture("Porous_Sponge", draw_porous, 100, 300e3),
        "patterned": Texture("Patterned_surface", draw_patterned, 20, 50e3),
        "films": Texture("Films_Coated_Surface", draw_films, 4, 20e3),
        "tips": Texture("Tips", draw_tips, 100, 200e3),
        "mems": Texture("MEMS_devices_and_electrodes", draw_mems, 1e3, 1e6),
    }
)
"""Those of the sample corpus."""

ALL_TEXTURES: Mapping[str, Texture] = MappingProxyType(
    {
        **TEXTURES,
        "powder": Texture("Powder", draw_powder, 200, 100e3),
        "nanowires": Texture("Nanowires", draw_nanowires, 20, 10e3),
        "biological": Texture("Biological", draw_biological, 200, 100e3),
    }
)
"""The reference study's ten categories."""
