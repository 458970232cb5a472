"""Quantizers against what their papers say: those of the package vector-quantize-pytorch, and some of our own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from vector_quantize_pytorch import FSQ, LFQ, ResidualVQ, SimVQ, VectorQuantize

from bench.contracts.codes import lookup
from bench.errors import UsageError
from bench.methods.bsq import Bsq
from bench.methods.fsq import Fsq, even_levels
from bench.methods.gumbel import COLD, HOT, Gumbel, GumbelQuantizer, from_uniform
from bench.methods.ibq import Ibq, IndexQuantizer, entropy_loss
from bench.methods.lfq import Lfq
from bench.methods.optvq import OptVq
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import INIT_STEP, UNUSED
from bench.methods.parts.vector_quantizer import to_rows
from bench.methods.rvq import Rvq
from bench.methods.simvq import SimVq
from bench.methods.vq_ema import VqEma
from bench.methods.vq_l2norm import VqL2Norm
from bench.methods.vq_rotation import VqRotation
from bench.presets import PRESETS

SMOKE = PRESETS["smoke"]
METHODS = [VqEma, VqL2Norm, Rvq, Fsq, Lfq, SimVq, Gumbel, Ibq, Bsq, VqRotation, OptVq]
SHAPE = (2, SMOKE.width, 4, 5)


def features(seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def quantizer(method: object) -> nn.Module:
    torch.manual_seed(0)
    made: Autoencoder = method.build(SMOKE, "emoji-scenes", None)  # type: ignore[attr-defined]
    return made.quantizer


@pytest.mark.parametrize("method", METHODS)
def test_in_evaluation_the_codebook_is_what_the_decoder_sees(method: type) -> None:
    made = quantizer(method()).eval()
    z = features()
    found = made(z)
    assert found.quantized.shape == z.shape
    assert found.indices.shape[:3] == (2, 4, 5)
    expected = lookup(made.codebook, found.indices).permute(0, 3, 1, 2)
    torch.testing.assert_close(found.quantized, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_positions_keep_their_places(method: type) -> None:
    """A map of another layout, but the same vectors, gets the same codes at the same places."""
    made = quantizer(method()).eval()
    z = features()
    turned = made(z.transpose(2, 3)).indices
    assert torch.equal(turned, made(z).indices.transpose(1, 2))


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_the_encoder(method: type) -> None:
    made, z = quantizer(method()).train(), features().requires_grad_()
    made(z).quantized.sin().sum().backward()
    assert z.grad is not None
    assert z.grad.abs().max() > 0


@pytest.mark.parametrize("method", METHODS)
def test_half_precision_changes_nothing_but_the_input(method: type) -> None:
    made, z = quantizer(method()).eval(), features().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = made(z)
    assert found.quantized.dtype == found.loss.dtype == torch.float32
    assert torch.equal(found.indices, made(z.float()).indices)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("codes", [8, 256])
def test_codes_argument_is_the_number_of_codes(method: type, codes: int) -> None:
    assert quantizer(method(codes=codes)).codebook.shape[-2:] == (codes, SMOKE.width)


@pytest.mark.parametrize(
    ("method", "layer"),
    [
        (
            VqEma(beta=0.5, decay=0.9),
            lambda: VectorQuantize(16, 64, decay=0.9, commitment_weight=0.5, rotation_trick=False),
        ),
        (Fsq(levels=(8, 8)), lambda: FSQ([8, 8], dim=16)),
        (Lfq(), lambda: LFQ(dim=16, codebook_size=64, entropy_loss_weight=0.1, commitment_loss_weight=0.25)),
        (SimVq(), lambda: SimVQ(16, 64, rotation_trick=False)),
        (
            Rvq(levels=3),
            lambda: ResidualVQ(
                dim=16, num_quantizers=3, codebook_size=64, decay=0.99, commitment_weight=0.25, rotation_trick=False
            ),
        ),
    ],
)
def test_wrapped_layers_compute_what_the_package_does(method: object, layer: object) -> None:
    made, theirs = quantizer(method).train(), layer().train()  # type: ignore[operator]
    state = {name: value for name, value in made.layer.state_dict().items() if "renewal" not in name}
    theirs.load_state_dict(state)
    z = features()
    ours, (quantized, indices, *losses) = made(z), theirs(z.flatten(2).transpose(1, 2))
    torch.testing.assert_close(ours.quantized, quantized.transpose(1, 2).reshape(SHAPE), rtol=0, atol=1e-6)
    assert torch.equal(ours.indices.flatten(1, 2), indices.long())
    torch.testing.assert_close(ours.loss, sum((part.sum() for part in losses), torch.zeros(())))


@pytest.mark.parametrize("cosine", [False, True])
def test_the_package_has_the_private_names_that_renewal_reads_and_writes(cosine: bool) -> None:
    layer = VectorQuantize(16, 64, codebook_dim=8, use_cosine_sim=cosine)
    book, z = layer._codebook, torch.full((2, 5, 16), 3.0)
    assert book.embed.shape == book.embed_avg.shape == (1, 64, 8)
    assert book.cluster_size.shape == (1, 64)
    narrow = layer.project_in(z)
    assert narrow.shape == (2, 5, 8)
    expected = F.normalize(narrow, dim=-1) if cosine else narrow
    torch.testing.assert_close(book.transform_input(narrow), expected)
    assert layer(z)[1].shape == (2, 5)  # the second output are the chosen codes


def test_ema_codes_follow_the_mean_of_their_features() -> None:
    made = quantizer(VqEma(codes=2, decay=0.9))
    book = made.layer._codebook
    book.embed[0] = torch.tensor([[1.0], [-1.0]]).expand(2, SMOKE.width)
    book.embed_avg.copy_(book.embed)
    z = torch.full((1, SMOKE.width, 2, 2), 3.0)
    for _ in range(200):
        made(z)
    torch.testing.assert_close(made.codebook[0], z[0, :, 0, 0], rtol=0, atol=1e-2)
    assert (made.codebook[1] < 0).all()
    assert not list(made.parameters())


def test_l2norm_codes_lie_on_a_sphere_and_size_is_ignored() -> None:
    made = quantizer(VqL2Norm()).train()
    for seed in range(3):
        made(features(seed))
    book = made.layer.codebook
    assert book.shape == (SMOKE.codes, 8)
    torch.testing.assert_close(book.norm(dim=1), torch.ones(SMOKE.codes))
    made.eval()
    bias = made.layer.project_in.bias
    nn.init.zeros_(bias)
    assert torch.equal(made(features()).indices, made(features(scale=7)).indices)


def test_residual_levels_refine() -> None:
    made = quantizer(Rvq(levels=4)).train()
    for seed in range(300):
        made(features(seed))
    made.eval()
    z = features(5)
    found = made(z)
    assert found.indices.shape == (2, 4, 5, 4)
    errors = []
    for level in range(1, 5):
        partial = lookup(made.codebook[:level], found.indices[..., :level]).permute(0, 3, 1, 2)
        errors.append(float(F.mse_loss(partial, z)))
    assert errors == sorted(errors, reverse=True)
    assert errors[3] < errors[0]


@pytest.mark.parametrize(
    ("codes", "levels"), [(8, (8,)), (64, (8, 8)), (512, (8, 8, 8)), (1024, (16, 8, 8)), (4096, (8, 8, 8, 8))]
)
def test_fsq_levels_have_the_product_asked_for(codes: int, levels: tuple[int, ...]) -> None:
    assert even_levels(codes) == levels
    assert math.prod(levels) == codes


def test_sizes_that_cannot_be_had_are_refused() -> None:
    for method in (Fsq(codes=1000), Fsq(codes=4), Fsq(codes=64, levels=(8, 7)), Fsq(levels=(2, 8)), Lfq(codes=1000)):
        with pytest.raises(UsageError):
            quantizer(method)
    assert quantizer(Fsq(levels=(8, 5, 5, 5))).codebook.shape == (1000, SMOKE.width)


def test_simvq_moves_every_code_at_once() -> None:
    made, z = quantizer(SimVq()), features()
    before = made.codebook.detach().clone()
    optimizer = torch.optim.SGD(made.parameters(), 0.1)
    found = made(z)
    found.loss.backward()
    optimizer.step()
    moved = (made.codebook - before).norm(dim=1) > 0
    assert found.indices.unique().numel() < SMOKE.codes
    assert moved.all()


def test_gumbel_cools_down_and_samples_only_in_training() -> None:
    made = GumbelQuantizer(16, SMOKE.width, 5e-4, steps=4)
    z = features()
    temperatures = []
    for _ in range(6):
        temperatures.append(made.temperature())
        made(z)
    assert temperatures[0] == HOT
    assert temperatures == sorted(temperatures, reverse=True)
    assert temperatures[4] == temperatures[5] == pytest.approx(COLD)
    assert not torch.equal(made(z).indices, made(z).indices)
    made.eval()
    assert torch.equal(made(z).indices, made(z).indices)
    assert torch.equal(made(z).indices.flatten(), made.logits(to_rows(z)).argmax(1))


def test_divergence_from_the_uniform_distribution() -> None:
    assert from_uniform(torch.zeros(5, 8)).item() == pytest.approx(0, abs=1e-6)
    certain = torch.full((5, 8), -1e4)
    certain[:, 3] = 0
    assert from_uniform(certain).item() == pytest.approx(math.log(8))


def test_ibq_gives_every_code_a_gradient_and_the_forward_pass_one_code() -> None:
    torch.manual_seed(0)
    made, z = IndexQuantizer(32, 4, 0.25, 0.05, "uniform", "none"), torch.randn(2, 4, 3, 3) * 0.1
    found = made(z)
    torch.testing.assert_close(found.quantized, lookup(made.codebook, found.indices).permute(0, 3, 1, 2))
    (gradient,) = torch.autograd.grad(found.quantized.sin().sum(), made.codebook)
    assert (gradient.abs().amax(1) > 0).all()


def test_ibq_loss_without_the_entropy_term() -> None:
    torch.manual_seed(0)
    made, z = IndexQuantizer(32, 4, 0.25, 0.0, "uniform", "none"), torch.randn(2, 4, 3, 3)
    found = made(z)
    error = F.mse_loss(found.quantized, z)
    torch.testing.assert_close(found.loss, 2.25 * error)


def test_entropy_loss_wants_sure_positions_and_even_codes() -> None:
    sure_and_even = 10 * torch.eye(8)
    sure_and_alike = 10 * torch.eye(8)[:1].expand(8, 8)
    torch.testing.assert_close(entropy_loss(sure_and_even).item(), -math.log(8), rtol=0, atol=1e-3)
    torch.testing.assert_close(entropy_loss(sure_and_alike).item(), 0.0, rtol=0, atol=1e-3)
    torch.testing.assert_close(entropy_loss(torch.zeros(8, 8)).item(), 0.0, rtol=0, atol=1e-3)
    far = torch.tensor([[0.0, -100.0]], requires_grad=True)
    entropy_loss(far).backward()
    assert far.grad.isfinite().all()


@pytest.mark.parametrize("method", [VqEma, VqL2Norm, Rvq, Ibq])
@pytest.mark.parametrize("init", ["features", "kmeans"])
def test_codes_can_start_from_features(method: type, init: str) -> None:
    made = quantizer(method(codes=8, init=init)).train()
    z = features()
    for _ in range(INIT_STEP):
        made(z)
    before = made.codebook.detach().clone()
    found = made(z)
    assert not torch.equal(before, made.codebook)
    first = found.indices[..., 0] if method is Rvq else found.indices
    assert first.unique().numel() > 4


@pytest.mark.parametrize("method", [VqEma, VqL2Norm, Rvq])
def test_dead_codes_can_be_revived(method: type) -> None:
    used = {}
    for revive in ("none", "features"):
        made = quantizer(method(revive=revive)).train()
        chosen = torch.cat([made(features(step, 0.1) + 3).indices for step in range(UNUSED + 30)][-20:])
        used[revive] = (chosen[..., 0] if method is Rvq else chosen).unique().numel()
    assert used["features"] > used["none"]


def test_dead_codes_of_ibq_become_features() -> None:
    made = quantizer(Ibq(revive="features")).train()
    z = features(scale=0.1) + 3  # the code with the largest sum takes them all
    used = torch.cat([made(z).indices for _ in range(UNUSED)]).unique()
    assert used.numel() < 5
    made(z)
    revived = (made.codebook[:, None] == to_rows(z)).all(2).any(1)
    assert revived.sum() == SMOKE.codes - used.numel()
    assert not revived[used].any()
