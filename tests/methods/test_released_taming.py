"""Tokenizers of taming's, against its own modules: how they are read, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.released import SMOKE, build, images, refusal
from helpers.taming_checkpoint import CONFIG, SIZES, Files, lightning_callback, state_of, write, write_config
from taming.modules.diffusionmodules.model import Decoder, Encoder
from taming.modules.vqvae.quantize import GumbelQuantize
from torch import Tensor, nn

from bench.errors import UsageError
from bench.methods.pretrained import Pretrained


@pytest.mark.parametrize("name", ["last.ckpt", "model.safetensors"])
def test_codes_and_images_are_those_of_tamings_own_modules(written: Files, name: str) -> None:
    tokenizer = build(Pretrained(written.weights.with_name(name), written.config))
    modules = written.modules
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        _, _, (_, _, indices) = modules["quantize"](modules["quant_conv"](modules["encoder"](images)))
        codes = modules["quantize"].get_codebook_entry(indices, (3, 16, 16, 8))
        expected = modules["decoder"](modules["post_quant_conv"](codes))
        found = tokenizer.encode(images)
        torch.testing.assert_close(tokenizer.decode(found), expected)
    assert torch.equal(found.flatten(), indices)
    assert len(found.unique()) > 1
    assert found.shape[1:] == tokenizer.grid == (16, 16)
    assert torch.equal(tokenizer.codebook, modules["quantize"].embedding.weight)


def test_nothing_of_it_can_be_trained_and_nothing_of_lightning_is_imported(written: Files) -> None:
    before = set(sys.modules)
    tokenizer = build(written.method)
    assert not any(name.startswith("pytorch_lightning") for name in set(sys.modules) - before)
    assert not any(parameter.requires_grad for parameter in tokenizer.parameters())
    assert set(tokenizer.state_dict()) == set(state_of(written))


def test_hashes_are_shown_and_standard_output_is_left_alone(written: Files, capsys: pytest.CaptureFixture[str]) -> None:
    build(written.method)
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = (line for line in shown.err.splitlines() if line.startswith("pretrained:"))
    for path in (written.weights, written.config):
        assert f"{path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in line


class Evil:
    """Asks whoever unpickles it to make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("at", ["state_dict", "callbacks"])
def test_a_pickle_that_wants_to_run_code_is_refused(files: Files, tmp_path: Path, at: str, legacy: bool) -> None:
    made = tmp_path / "made-by-pickle"
    content = {"state_dict": state_of(files), at: Evil(made)}
    torch.save(content, files.weights, _use_new_zipfile_serialization=not legacy)
    assert "no code of a checkpoint is run" in refusal(files.method)
    assert "mkdir" in refusal(files.method)
    assert not made.exists()
    torch.load(files.weights, weights_only=False)  # the trap is live
    assert made.exists()


def test_other_names_of_lightning_are_refused(files: Files) -> None:
    with lightning_callback() as callback:
        callback.__qualname__ = callback.__name__ = "Other"
        sys.modules[callback.__module__].Other = callback  # type: ignore[attr-defined]
        torch.save({"state_dict": {}, "callbacks": {callback: 1}}, files.weights)
    assert "pytorch_lightning.callbacks.model_checkpoint.Other" in refusal(files.method)


@pytest.mark.parametrize("name", ["last.ckpt", "model.safetensors"])
@pytest.mark.parametrize("fault", ["empty", "cut", "noise", "pickle", "missing", "folder"])
def test_damaged_weights_are_one_line(written: Files, tmp_path: Path, name: str, fault: str) -> None:
    path = tmp_path / name
    whole = written.weights.with_name(name).read_bytes()
    content = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "noise": b"\x93noise" * 99,
        "pickle": pickle.dumps([1], 2),
    }
    if fault in content:
        path.write_bytes(content[fault])
    elif fault == "folder":
        path.mkdir()
    assert str(path) in refusal(Pretrained(path, written.config))


def without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: without(state, "quant_conv.bias"), "lacks ['quant_conv.bias']"),
        (lambda state: state | {"model_ema.decay": torch.ones(())}, "moving averages are not those of its weights"),
        (lambda state: state | {"colorize": torch.ones(3)}, "unknown ['colorize']"),
        (
            lambda state: state | {"quant_conv.bias": torch.zeros(9)},
            "quant_conv.bias has shape [9], by its configuration [8]",
        ),
        (lambda state: state | {"quant_conv.bias": 3}, "more than named tensors"),
        (lambda state: state | {7: torch.zeros(8)}, "more than named tensors"),
        (lambda state: [1], "holds no state_dict"),
    ],
)
def test_weights_that_do_not_fit_are_named(files: Files, change: Callable[[Any], Any], words: str) -> None:
    write(files.weights, change(state_of(files)))
    message = refusal(files.method)
    assert str(files.weights) in message
    assert words in message


def test_a_checkpoint_without_a_state_dict(files: Files) -> None:
    torch.save({"epoch": 1}, files.weights)
    assert "holds no state_dict" in refusal(files.method)
    torch.save(torch.zeros(3), files.weights)
    assert "holds no state_dict" in refusal(files.method)


def test_gumbel_codes_are_the_likeliest_of_tamings_own_logits(files: Files) -> None:
    sizes = SIZES | {"z_channels": 8}  # taming's class wants as many as embed_dim
    parts = {"encoder": Encoder(**sizes), "decoder": Decoder(**sizes), "quantize": GumbelQuantize(8, 8, 24)}
    ends = {"quant_conv": nn.Conv2d(8, 8, 1), "post_quant_conv": nn.Conv2d(8, 8, 1)}
    modules = nn.ModuleDict(parts | ends).eval()
    write(files.weights, dict(modules.state_dict()))
    write_config(files.config, ddconfig=sizes)
    tokenizer, pictures = build(files.method), images(2, 3, 32, 32)
    with torch.inference_mode():
        _, _, _, logits = modules["quantize"](modules["quant_conv"](modules["encoder"](pictures)), return_logits=True)
        found = tokenizer.encode(pictures)
        codes = modules["quantize"].get_codebook_entry(found.flatten(), (2, 16, 16, 8))
        torch.testing.assert_close(
            tokenizer.decode(found), modules["decoder"](modules["post_quant_conv"](codes)), rtol=1e-4, atol=1e-5
        )
    assert torch.equal(found, logits.argmax(1))
    assert len(found.unique()) > 5
    assert torch.equal(tokenizer.codebook, modules["quantize"].embed.weight)
    write_config(files.config, ddconfig=SIZES)
    assert "embed_dim and z_channels of GumbelVQ are one number" in refusal(files.method)


def test_moving_averages_count_and_not_the_weights_beside_them(files: Files) -> None:
    state = state_of(files)
    averages = {f"model_ema.{name.replace('.', '')}": value for name, value in state.items()}
    counters = {"model_ema.decay": torch.tensor(0.999), "model_ema.num_updates": torch.tensor(7)}
    write(files.weights, {name: torch.zeros_like(value) for name, value in state.items()} | averages | counters)
    assert all(torch.equal(value, state[name]) for name, value in build(files.method).state_dict().items())


@pytest.mark.parametrize("place", ["state_dict", "model", None])
def test_places_of_weights_in_a_checkpoint(files: Files, place: str | None) -> None:
    path = files.weights.with_suffix(".pth")
    torch.save({place: state_of(files), "epoch": 1} if place else state_of(files), path)
    assert torch.equal(build(Pretrained(path, files.config)).codebook, files.modules["quantize"].embedding.weight)


def test_another_kind_of_file(files: Files) -> None:
    path = files.weights.rename(files.weights.with_suffix(".zip"))
    assert refusal(Pretrained(path, files.config)) == f"{path}: none of .safetensors, .ckpt, .pt, .pth, .bin"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n- b\n", "not a mapping"),
        ("", "not a mapping"),
        ("a: [", "not yaml"),
        ("\x00", "not yaml"),
        ("model: !!python/object/apply:os.getcwd []", "not yaml"),
        ("model: 3", "model: "),
        ("model: {target: x}", "model.params: field required"),
        (yaml.safe_dump({"model": {"params": {"embed_dim": 8, "ddconfig": SIZES}}}), "model.params.n_embed: field req"),
        (yaml.safe_dump(CONFIG).replace("ch: 32", "ch: 33"), "ddconfig.ch: input should be a multiple of 32"),
        (yaml.safe_dump(CONFIG).replace("double_z: false", "double_z: true"), "ddconfig.double_z: input should be fal"),
    ],
)
def test_a_wrong_yaml_is_one_line(files: Files, text: str, words: str) -> None:
    files.config.write_text(text)
    message = refusal(files.method)
    assert str(files.config) in message
    assert words in message


def test_a_missing_yaml_is_named(files: Files) -> None:
    files.config.unlink()
    assert refusal(files.method) == f"{files.config}: No such file or directory"


def test_a_yaml_without_end_is_not_read(files: Files) -> None:
    assert refusal(Pretrained(files.weights, Path("/dev/zero"))) == "/dev/zero: not a regular file"


def test_only_llamagens_weights_need_no_configuration(files: Files) -> None:
    assert "not LlamaGen's weights" in refusal(Pretrained(files.weights))


@pytest.mark.parametrize("size", [33, 1])
def test_images_that_cannot_be_halved_are_refused(written: Files, size: int) -> None:
    with pytest.raises(
        UsageError,
        match=f"halves images 1 times, which {size} pixels do not allow; .*image_size={2 * max(1, size // 2)}$",
    ):
        written.method.build(dataclasses.replace(SMOKE, image_size=size), "emoji-scenes", None)
