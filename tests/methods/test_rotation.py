"""The rotation trick against rotations that scipy makes of an axis and an angle."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import nn

from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.methods.vq_rotation import RotatingQuantizer


def made(plain: bool = False) -> VectorQuantizer:
    torch.manual_seed(0)
    quantizer = (VectorQuantizer if plain else RotatingQuantizer)(16, 3)
    quantizer.codebook = nn.Parameter(torch.randn(16, 3))
    return quantizer


def test_the_gradient_is_turned_back_by_the_rotation_and_scaled() -> None:
    quantizer, z = made(), torch.randn(2, 3, 4, 5, requires_grad=True)
    quantized, indices, _ = quantizer(z)
    weight = torch.randn(z.shape)
    (gradient,) = torch.autograd.grad((quantized * weight).sum(), z)
    rows, weights, gradients = (
        part.detach().permute(0, 2, 3, 1).reshape(-1, 3).double().numpy() for part in (z, weight, gradient)
    )
    codes = quantizer.codebook.detach()[indices.flatten()].double().numpy()
    for row, code, outer, inner in zip(rows, codes, weights, gradients, strict=True):
        axis = np.cross(row, code)
        angle = np.arctan2(np.linalg.norm(axis), row @ code)
        turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis))
        scale = np.linalg.norm(code) / np.linalg.norm(row)
        np.testing.assert_allclose(scale * turn.apply(row), code, atol=1e-9)
        np.testing.assert_allclose(inner, scale * turn.inv().apply(outer), atol=1e-4)


def test_all_but_the_encoders_gradient_is_that_of_the_plain_quantizer() -> None:
    z = torch.randn(2, 3, 4, 5)
    found = []
    for quantizer in (made(), made(plain=True)):
        features = z.clone().requires_grad_()
        quantized, indices, loss = quantizer(features)
        (quantized.sin().sum() + loss).backward()
        found.append((quantized, indices, loss, quantizer.codebook.grad, features.grad))
    turned, straight = found
    torch.testing.assert_close(turned[0], straight[0])
    assert torch.equal(turned[1], straight[1])
    assert torch.equal(turned[2], straight[2])
    torch.testing.assert_close(turned[3], straight[3])
    assert not torch.allclose(turned[4], straight[4])


def test_vectors_of_no_length_or_opposite_to_their_code_leave_finite_gradients() -> None:
    quantizer = made()
    quantizer.codebook = nn.Parameter(torch.tensor([[1.0, 0.0, 0.0]]))
    z = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]]).T.reshape(1, 3, 1, 2).requires_grad_()
    quantizer(z).quantized.sum().backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
