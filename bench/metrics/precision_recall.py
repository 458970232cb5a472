"""Improved precision and recall: which generated images look real, and which real ones could have been generated."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.errors import NotMeasurable
from bench.registry import metrics

NEIGHBOURS = 3
BLOCK = 1024

PROTOCOL = {
    "precision": f"share of made images within reach of a real one, as far away as its {NEIGHBOURS}rd nearest other "
    "real image; recall: real and made images exchanged; Euclidean, float64, all images"
}


@metrics.register("precision", higher_is_better=True, unit="")
def precision(real: Tensor, generated: Tensor) -> np.ndarray:
    """Whether each generated image lies on the manifold of real ones, float32 [M] of 0 and 1; precision is the mean.

    Kynkaanniemi et al. 2019 (arXiv 1904.06991), equations 1 and 2: each real image has a ball around it that reaches
    to its third nearest other real image, and the union of the balls is the manifold.

    Args:
        real: features [N, F]. generated: features [M, F].

    Raises:
        NotMeasurable: there are too few real images for their neighbours.
    """
    return _on_manifold(generated, real)


@metrics.register("recall", higher_is_better=True, unit="")
def recall(real: Tensor, generated: Tensor) -> np.ndarray:
    """Whether each real image lies on the manifold of generated ones, float32 [N]: `precision` with the sets exchanged.

    Raises:
        NotMeasurable: there are too few generated images for their neighbours.
    """
    return _on_manifold(real, generated)


def _on_manifold(points: Tensor, centres: Tensor) -> np.ndarray:
    """Whether each point [N, F] lies in a ball of some centre [M, F], float32 [N] of 0 and 1."""
    if len(centres) <= NEIGHBOURS:
        raise NotMeasurable(f"{len(centres)} images do not have {NEIGHBOURS} neighbours each")
    points, centres = points.double(), centres.double()
    # one more than the neighbours: the nearest image to an image is itself
    reach = [_distances(rows, centres).kthvalue(NEIGHBOURS + 1, dim=1).values for rows in centres.split(BLOCK)]
    radii = torch.cat(reach)  # [M]
    inside = [(_distances(rows, centres) <= radii).any(1) for rows in points.split(BLOCK)]
    return torch.cat(inside).float().numpy()


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distances [N, M] of points [N, F] and [M, F], not by way of inner products, which lose digits."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
