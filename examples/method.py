"""The rotation trick: the encoder's gradient is turned and scaled as its vector was on the way to the nearest code."""

from dataclasses import dataclass

from torch import Tensor, nn
from typing_extensions import override

from bench.contracts.method import Method, Quantized, TextEncoder
from bench.methods.parts.adversarial import AdversarialObjective
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.vector_quantizer import VectorQuantizer, to_map, to_rows
from bench.presets import Preset
from bench.registry import methods


class Rotation(VectorQuantizer):
    """Rotates and scales each vector onto its code, and takes that rotation and scale for constants."""

    @override
    def forward(self, z: Tensor) -> Quantized:
        plain = super().forward(z)
        rows, codes = to_rows(z), self.codebook.detach()[plain.indices.flatten()]  # both [B*h*w, D]
        unit, end = rows / rows.detach().norm(dim=1, keepdim=True).clamp(min=1e-6), nn.functional.normalize(codes)
        middle = nn.functional.normalize(unit.detach() + end)
        turned = unit - 2 * (unit * middle).sum(1, True) * middle + 2 * (unit * unit.detach()).sum(1, True) * end
        return plain._replace(quantized=to_map(turned * codes.norm(dim=1, keepdim=True), z))


@methods.register("my-rotation")
@dataclass(frozen=True)
class VqRotation(Method):
    """VQ-GAN whose gradients pass the codes by the rotation trick (Fifty et al. 2024)."""

    paper = "arXiv:2410.06424"
    codes: int | None = None  # K; None takes the preset's

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> Autoencoder:
        quantizer = Rotation(self.codes or preset.codes, preset.width)
        return Autoencoder(preset, quantizer, AdversarialObjective(preset, "auto"))
