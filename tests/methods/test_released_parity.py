"""Against the authors' released code: outputs and gradients it gave on random inputs (tests/data/README.md)."""

from __future__ import annotations

import os

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bench.methods.cvq import ClusterQuantizer
from bench.methods.parts.language.losses import global_alignment_loss, masked_text_loss, relationship_loss
from bench.methods.parts.language.modules import CodeTransformer, Head, MaskedWordModel
from bench.methods.parts.vector_quantizer import VectorQuantizer
from bench.system.files import ROOT

GOLDEN = load_file(os.environ.get("LGVQ_GOLDEN", ROOT / "tests/golden/lgvq_released.safetensors"))
WEIGHTS = {name[2:]: value for name, value in GOLDEN.items() if name.startswith("w.")}


def close(ours: Tensor, golden: str) -> None:
    """To 1e-5 of the largest value: some gradients are far below 1."""
    expected = GOLDEN[golden]
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5 * min(1.0, expected.abs().max().item()))


def fill(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Strictly load weights under our names."""
    module.load_state_dict({name: value.reshape(module.state_dict()[name].shape) for name, value in state.items()})
    module.eval()


def attention(ours: str, released: str) -> dict[str, Tensor]:
    """Released: three matrices; torch: one."""
    stacked = {
        f"{ours}.in_proj_{kind}": torch.cat([WEIGHTS[f"{released}.w_{part}.{kind}"] for part in "qkv"])
        for kind in ("weight", "bias")
    }
    joined = {f"{ours}.out_proj.{kind}": WEIGHTS[f"{released}.w_concat.{kind}"] for kind in ("weight", "bias")}
    return stacked | joined


def head(ours: str, released: str) -> dict[str, Tensor]:
    return {
        f"{ours}{name}.{kind}": WEIGHTS[f"{released}.{short}.{kind}"]
        for name, short in (("linear", "fc"), ("norm", "ln"))
        for kind in ("weight", "bias")
    }


@pytest.fixture(scope="module")
def vision() -> CodeTransformer:
    prefix = "mskTransformer.encoder."
    names = {
        "class_embedding": "class_embedding",
        "positional_embedding": "positional_embedding",
        "projection": "proj",
        "before": "ln_pre",
        "after": "ln_post",
    }
    for block in range(2):
        ours, released = f"blocks.{block}", f"transformer.resblocks.{block}"
        names[f"{ours}.self_attn.in_proj_weight"] = f"{released}.attn.in_proj_weight"
        names[f"{ours}.self_attn.in_proj_bias"] = f"{released}.attn.in_proj_bias"
        names[f"{ours}.self_attn.out_proj"] = f"{released}.attn.out_proj"
        names |= {f"{ours}.linear1": f"{released}.mlp.c_fc", f"{ours}.linear2": f"{released}.mlp.c_proj"}
        names |= {f"{ours}.norm1": f"{released}.ln_1", f"{ours}.norm2": f"{released}.ln_2"}
    state = {}
    for ours, released in names.items():
        for suffix in ("", ".weight", ".bias"):
            if prefix + released + suffix in WEIGHTS:
                state[ours + suffix] = WEIGHTS[prefix + released + suffix]
    positions, width = WEIGHTS[prefix + "positional_embedding"].shape
    module = CodeTransformer(positions - 1, width, WEIGHTS[prefix + "proj"].shape[1])
    fill(module, state)
    return module


@pytest.fixture(scope="module")
def word_model() -> MaskedWordModel:
    state = head("head.", "mlm_layer") | {
        "mask_tokens": WEIGHTS["mask_learned_parameter"],
        "bias": WEIGHTS["mlm_layer.bias"],
    }
    for layer in range(2):
        ours, released = f"decoder.layers.{layer}", f"mskTransformer.decoder.layers.{layer}"
        state |= attention(f"{ours}.self_attn", f"{released}.self_attention")
        state |= attention(f"{ours}.multihead_attn", f"{released}.enc_dec_attention")
        for number in (1, 2):
            for kind in ("weight", "bias"):
                state[f"{ours}.linear{number}.{kind}"] = WEIGHTS[f"{released}.ffn.linear{number}.{kind}"]
        for number in (1, 2, 3):
            state[f"{ours}.norm{number}.weight"] = WEIGHTS[f"{released}.norm{number}.gamma"]
            state[f"{ours}.norm{number}.bias"] = WEIGHTS[f"{released}.norm{number}.beta"]
    _, length, width = WEIGHTS["mask_learned_parameter"].shape
    module = MaskedWordModel(length, WEIGHTS["mlm_layer.bias"].numel(), width, dropout=0.1)
    fill(module, state)
    return module


@pytest.fixture
def quantized() -> Tensor:
    return GOLDEN["in.quant"].clone().requires_grad_()


def rows(quantized: Tensor) -> Tensor:
    return quantized.flatten(2).transpose(1, 2)


def masks() -> tuple[Tensor, Tensor]:
    real = GOLDEN["in.pad_mask"].bool()
    return ~GOLDEN["in.text_mask"].bool() & real, real


def test_vision_tokens(vision: CodeTransformer, quantized: Tensor) -> None:
    close(vision(rows(quantized)), "out.vision_tokens")


def test_decoded_text(vision: CodeTransformer, word_model: MaskedWordModel, quantized: Tensor) -> None:
    predict, real = masks()
    text = torch.where(predict[..., None], word_model.mask_tokens, GOLDEN["in.text_features"]) * real[..., None]
    close(word_model.decoder(text, vision(rows(quantized)), None), "out.decoded")


def test_global_alignment(vision: CodeTransformer, quantized: Tensor) -> None:
    loss = global_alignment_loss(vision(rows(quantized))[:, 0], GOLDEN["in.text_global"])
    loss.backward()
    close(loss, "out.gsa")
    close(quantized.grad, "grad.gsa")


def test_masked_text(vision: CodeTransformer, word_model: MaskedWordModel, quantized: Tensor) -> None:
    predict, real = masks()
    words = WEIGHTS["clip_model.token_embedding.weight"]
    visual = vision(rows(quantized))
    logits = word_model(GOLDEN["in.text_features"], visual, predict, real, words, padding_mask=False)
    loss = masked_text_loss(logits, GOLDEN["in.tokens"], predict)
    loss.backward()
    close(loss, "out.mtp")
    close(quantized.grad, "grad.mtp")


def test_relationship(vision: CodeTransformer, quantized: Tensor) -> None:
    relation = Head(WEIGHTS["wrsr_fc.fc.weight"].shape[1], WEIGHTS["wrsr_fc.fc.weight"].shape[0])
    fill(relation, head("", "wrsr_fc"))
    codes, visual = rows(quantized), vision(rows(quantized))[:, 1:]
    loss = relationship_loss(relation(codes), visual, GOLDEN["in.text_features"], masks()[1])
    loss.backward()
    close(loss, "out.ras")
    close(quantized.grad, "grad.ras")


@pytest.mark.parametrize("legacy", [True, False])
def test_vector_quantizer(legacy: bool) -> None:
    case = "vq_legacy" if legacy else "vq_fixed"
    codebook, z = GOLDEN[f"{case}.w.embedding"], GOLDEN[f"{case}.in.z"].clone().requires_grad_()
    quantizer = VectorQuantizer(*codebook.shape, legacy=legacy)
    quantizer.codebook.data.copy_(codebook)
    found = quantizer(z)
    found.loss.backward()
    assert torch.equal(found.indices.flatten(), GOLDEN[f"{case}.out.indices"])
    close(found.quantized, f"{case}.out.z_q")
    close(found.loss, f"{case}.out.loss")
    close(z.grad, f"{case}.grad.z")
    close(quantizer.codebook.grad, f"{case}.grad.embedding")


@pytest.mark.parametrize("distance", ["l2", "cos"])
@pytest.mark.parametrize("contrastive", [True, False])
def test_cluster_quantizer(distance: str, contrastive: bool) -> None:
    case = f"cvq_{distance}_{'contrastive' if contrastive else 'plain'}"
    codebook = GOLDEN[f"{case}.w.embedding"]
    quantizer = ClusterQuantizer(*codebook.shape, 0.25, distance, "closest", contrastive)
    quantizer.codebook.data.copy_(codebook)
    quantizer.chosen.copy_(GOLDEN[f"{case}.w.embed_prob"])
    found = quantizer(GOLDEN[f"{case}.in.z"])
    assert torch.equal(found.indices.flatten(), GOLDEN[f"{case}.out.indices"])
    close(found.quantized, f"{case}.out.z_q")
    close(found.loss, f"{case}.out.loss")
    close(quantizer.chosen, f"{case}.out.embed_prob_after")
    close(quantizer.codebook.detach(), f"{case}.out.embedding_after")
    share = torch.bincount(found.indices.flatten(), minlength=len(codebook)) / found.indices.numel()
    close(torch.special.entr(share).sum().exp(), f"{case}.out.perplexity")
