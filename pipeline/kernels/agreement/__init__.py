"""How well two labellings agree, and what made-up labellings would score."""

from pipeline.kernels.agreement.scores import normalized_mutual_information

__all__ = ["normalized_mutual_information"]
