from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load, save
from taming.modules.vqvae.quantize import VectorQuantizer2

from bench.methods.cvq import ClusterQuantizer, similarity
from bench.methods.parts import codebook_renewal as renewal
from bench.methods.parts import nearest
from bench.methods.parts import vector_quantizer as quantizers
from bench.methods.parts.codebook_renewal import INIT_STEP, UNUSED, kmeans, sample_rows
from bench.methods.parts.nearest import nearest_codes
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.system.files import ROOT


def naive(z: torch.Tensor, codebook: torch.Tensor) -> torch.Tensor:
    return (z[:, None].double() - codebook[None].double()).square().sum(-1).argmin(1)


@pytest.mark.parametrize(("rows", "codes", "width"), [(1, 1, 1), (7, 5, 3), (300, 64, 8), (64, 1000, 32)])
def test_nearest_codes_is_the_naive_arg_min(rows: int, codes: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(rows)
    z, codebook = torch.randn(rows, width, generator=generator), torch.randn(codes, width, generator=generator)
    for chunk in (nearest.CHUNK, 2 * codes, 1):
        monkeypatch.setattr(nearest, "CHUNK", chunk)
        assert torch.equal(nearest_codes(z, codebook), naive(z, codebook))


def test_nearest_codes_takes_the_first_of_equals() -> None:
    assert nearest_codes(torch.zeros(3, 2), torch.ones(4, 2)).tolist() == [0, 0, 0]


def test_nearest_codes_never_holds_all_distances() -> None:
    """262,144 codes and 2,048 rows: the matrix would take 2 GiB."""
    script = """
import resource, torch
from bench.methods.parts.nearest import nearest_codes
z, codebook = torch.randn(2048, 32), torch.randn(262144, 32)
nearest_codes(z[:1], codebook[:1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = nearest_codes(z, codebook)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
assert torch.equal(found[:32], torch.cdist(z[:32].double(), codebook.double()).argmin(1))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 512


@pytest.mark.parametrize("legacy", [True, False])
def test_vector_quantizer_is_tamings(legacy: bool) -> None:
    theirs = VectorQuantizer2(64, 8, beta=0.25, legacy=legacy, sane_index_shape=True)
    ours = VectorQuantizer(64, 8, beta=0.25, legacy=legacy)
    theirs.embedding.weight.data = ours.codebook.data.clone()
    inputs = [(torch.randn(3, 8, 4, 5, generator=torch.Generator().manual_seed(0)) / 50).requires_grad_() for _ in "ab"]
    found, (quantized, loss, (_, _, indices)) = ours(inputs[0]), theirs(inputs[1])
    (found.loss + found.quantized.sin().sum()).backward()
    (loss + quantized.sin().sum()).backward()
    assert torch.equal(found.indices, indices)
    torch.testing.assert_close(found.quantized, quantized, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.loss, loss, rtol=0, atol=1e-6)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=0, atol=1e-6)
    torch.testing.assert_close(ours.codebook.grad, theirs.embedding.weight.grad, rtol=0, atol=1e-6)


def test_half_precision_input_is_searched_in_float32() -> None:
    quantizer, z = VectorQuantizer(64, 8).eval(), torch.randn(2, 8, 4, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = quantizer(z)
    assert found.quantized.dtype == found.loss.dtype == torch.float32
    assert torch.equal(found.indices, quantizer(z.float()).indices)


@pytest.mark.parametrize("init", ["features", "kmeans"])
def test_codebook_is_initialised_once_from_features(init: renewal.Init) -> None:
    quantizer = VectorQuantizer(16, 4, init=init)
    start = quantizer.codebook.detach().clone()
    maps = 5 + torch.randn(INIT_STEP + 3, 2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    for z in maps[:INIT_STEP]:
        quantizer(z)
    assert torch.equal(quantizer.codebook, start)
    quantizer(maps[INIT_STEP])
    taken = quantizer.codebook.detach().clone()
    features = quantizers.to_rows(maps[INIT_STEP])
    if init == "features":
        assert all((features == row).all(1).any() for row in taken)
        assert len(taken.unique(dim=0)) == 16
    assert (taken.mean() - 5).abs() < 0.5
    quantizer(maps[INIT_STEP + 1])
    assert torch.equal(quantizer.codebook, taken)


def test_evaluation_changes_nothing() -> None:
    for quantizer in (VectorQuantizer(16, 4, init="features", revive="features"), cluster("l2", "probrandom", True)):
        before = {name: value.clone() for name, value in quantizer.state_dict().items()}
        quantizer.eval()(torch.randn(2, 4, 4, 4))
        assert all(torch.equal(value, before[name]) for name, value in quantizer.state_dict().items())


def test_kmeans_lowers_the_distortion_and_settles_on_means() -> None:
    rows = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))

    def distortion(centres: torch.Tensor) -> float:
        return float((rows - centres[nearest_codes(rows, centres)]).square().sum())

    torch.manual_seed(0)
    start = kmeans(rows, 8, iterations=0)
    torch.manual_seed(0)
    settled = kmeans(rows, 8, iterations=50)
    assert distortion(settled) < 0.8 * distortion(start)
    nearest = nearest_codes(rows, settled)
    for code in range(8):
        torch.testing.assert_close(settled[code], rows[nearest == code].mean(0))


def test_sample_rows_repeats_only_when_it_must() -> None:
    rows = torch.arange(10.0)[:, None]
    assert len(sample_rows(rows, 10).unique()) == 10
    assert sorted(sample_rows(rows, 25)[:, 0].int().tolist()[:20]) == sorted(2 * list(range(10)))


def test_only_dead_codes_are_revived() -> None:
    quantizer = VectorQuantizer(3, 2, revive="features")
    quantizer.codebook.data = torch.tensor([[0.0, 0.0], [1.0, 1.0], [90.0, 90.0]])
    z = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).T.reshape(1, 2, 1, 2)
    for _ in range(UNUSED):
        quantizer(z)
    assert quantizer.codebook[2].tolist() == [90.0, 90.0]
    quantizer(z)
    assert quantizer.codebook[:2].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert quantizer.codebook[2].tolist() in ([0.0, 0.0], [1.0, 1.0])


def cluster(distance: str, anchor: str, contrastive: bool) -> ClusterQuantizer:
    torch.manual_seed(0)
    return ClusterQuantizer(16, 4, 0.25, distance, anchor, contrastive)  # type: ignore[arg-type]


@pytest.mark.parametrize("distance", ["l2", "cos"])
@pytest.mark.parametrize("anchor", ["closest", "probrandom", "random"])
def test_cluster_quantizer_moves_unused_codes_to_features(distance: str, anchor: str) -> None:
    quantizer = cluster(distance, anchor, False)
    z = 3 + torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    found = quantizer(z)
    features, moved = quantizers.to_rows(z), quantizer.codebook.detach()
    unused = quantizer.chosen == 0
    assert unused.any()
    assert (~unused).sum() == len(found.indices.unique())
    assert torch.cdist(moved, features).min(1).values[unused].max() < 0.05  # pull is exp(-1e-3)
    assert (moved[~unused].norm(dim=1) < features.norm(dim=1).min()).all()


def test_distance_decides_the_choice() -> None:
    rows, codebook = torch.tensor([[1.0, 0.1]]), torch.tensor([[9.0, 0.0], [0.0, 0.5]])
    assert similarity(rows, codebook, "cos").argmax().item() == 0
    assert similarity(rows, codebook, "l2").argmax().item() == 1
    torch.testing.assert_close(-similarity(rows, codebook, "l2"), torch.cdist(rows, codebook).square())


def test_contrastive_switch_adds_a_loss_on_the_codebook_only() -> None:
    z = torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    results = []
    for contrastive in (False, True):
        quantizer, features = cluster("cos", "closest", contrastive), z.clone().requires_grad_()
        found = quantizer(features)
        found.loss.backward()
        results.append((found, features.grad, quantizer.codebook.grad, quantizer.codebook.detach()))
    (plain, to_z, to_codes, after), (with_it, to_z_2, to_codes_2, after_2) = results
    assert with_it.loss > plain.loss
    assert torch.equal(plain.indices, with_it.indices)
    assert torch.equal(plain.quantized, with_it.quantized)
    assert torch.equal(to_z, to_z_2)
    assert torch.equal(after, after_2)
    assert not torch.allclose(to_codes, to_codes_2)


def test_saved_state_continues_alike() -> None:
    maps = torch.randn(4, 2, 4, 4, 4)
    for make in (
        lambda: cluster("l2", "random", True),
        lambda: VectorQuantizer(16, 4, init="features", revive="features"),
    ):
        first, second = make(), make()
        first(maps[0])
        second.load_state_dict(load(save(first.state_dict())))
        results = []
        for quantizer in (first, second):
            torch.manual_seed(1)
            results.append([quantizer(z).quantized for z in maps[1:]])
        assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))
