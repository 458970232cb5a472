"""VQGAN-LC and the script that makes its codebook: what moves, what a file may hold, and what clusters stand for."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from helpers.pictures import pictures
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.check.method import DUTIES
from bench.check.method_trial import MethodTrial
from bench.check.report import hold
from bench.contracts.codes import lookup
from bench.contracts.data import Split
from bench.errors import DataError, UsageError
from bench.experiment.arguments import Setting
from bench.experiment.plan import plan
from bench.experiment.request import Request
from bench.features import open_clip as open_clip_features
from bench.features.extractor import load_extractor
from bench.features.scene_cnn import SCALE
from bench.methods.parts.vector_quantizer import to_rows
from bench.methods.vqgan_lc import NAME, VqGanLc, read_vectors
from bench.presets import PRESETS
from bench.registry import methods
from bench.system.files import ROOT
from bench.system.torchvision_ops import make_importable

SMOKE = PRESETS["smoke"]
SCRIPT = ROOT / "scripts/make_codebook.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_codebook", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """64 vectors, 24 wide, far from 0 and of another size than codes."""
    vectors = 40 + 9 * torch.randn(64, 24, generator=torch.Generator().manual_seed(0))
    save_file({NAME: vectors}, tmp_path / "codebook.safetensors")
    return tmp_path / "codebook.safetensors"


def test_every_duty_of_a_method_is_kept(file: Path, tmp_path: Path) -> None:
    trial = MethodTrial(methods.get("vqgan-lc"), tmp_path)
    vars(trial).update(method=VqGanLc(codebook=file), split=Split("train", pictures(32)))
    lines = hold("vqgan-lc", trial.entry.path, trial, DUTIES)
    assert [str(line) for line in lines if line.status != "ok"] == [
        "skip  vqgan-lc: can have another number of codes: it has no argument 'codes'"
    ]
    assert len(lines) == len(DUTIES)


def test_codes_are_a_linear_map_of_frozen_vectors_and_a_step_moves_all_of_them(file: Path) -> None:
    torch.manual_seed(0)
    made = VqGanLc(codebook=file).build(SMOKE, "emoji-scenes", None).quantizer.train()
    before = made.codebook.detach().clone()
    assert before.mean().abs() < 1e-6
    torch.testing.assert_close(before.square().mean().sqrt(), torch.tensor(1 / (3**0.5 * 64)))
    vectors = load_file(file)[NAME]
    there = torch.cat([vectors, torch.ones(64, 1)], 1).double()  # what a linear map of them and a shift can reach
    left = before.double() - there @ torch.linalg.lstsq(there, before.double()).solution
    assert left.abs().max() < 1e-6
    z = 0.01 * torch.randn(2, SMOKE.width, 4, 4)
    found = made(z)
    codes = lookup(made.codebook, found.indices)
    torch.testing.assert_close(to_rows(found.quantized), codes.flatten(0, 2))
    torch.testing.assert_close(found.loss, 1.33 * (codes.permute(0, 3, 1, 2) - z).square().mean())
    found.loss.backward()
    assert [name for name, _ in made.named_parameters()] == ["layer.weight", "layer.bias"]
    torch.optim.SGD(made.parameters(), 0.1).step()
    assert found.indices.unique().numel() < 64
    assert ((made.codebook - before).norm(dim=1) > 0).all()


@pytest.mark.parametrize(
    ("tensors", "fault"),
    [
        ({"other": torch.ones(4, 4)}, "no vectors"),
        ({NAME: torch.ones(4)}, "no vectors"),
        ({NAME: torch.ones(4, 4, dtype=torch.int64)}, "no vectors"),
        ({NAME: torch.ones(0, 4)}, "no vectors"),
        ({NAME: torch.tensor([[1.0], [float("nan")]])}, "not finite"),
        ({NAME: torch.ones(4, 4)}, "no two different"),
        (b"no safetensors", "damaged, or not safetensors"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_codebook_is_named(
    tmp_path: Path, tensors: dict[str, Tensor] | bytes | None, fault: str
) -> None:
    path = tmp_path / "codebook.safetensors"
    if isinstance(tensors, bytes):
        path.write_bytes(tensors)
    elif tensors is not None:
        save_file(tensors, path)
    with pytest.raises(DataError, match=fault) as refused:
        VqGanLc(codebook=path).build(SMOKE, "emoji-scenes", None)
    assert str(path) in str(refused.value)


def test_half_precision_is_read_as_it_is(tmp_path: Path) -> None:
    vectors = torch.randn(8, 3).half()
    save_file({NAME: vectors}, tmp_path / "half.safetensors")
    assert torch.equal(read_vectors(tmp_path / "half.safetensors"), vectors.float())


def test_without_a_file_it_is_skipped_and_the_file_counts_by_content(file: Path) -> None:
    def cell(*settings: Setting) -> tuple[str | None, str]:
        found = plan(Request(methods=("vqgan-lc",), tasks=(), preset="smoke", settings=settings))[0]
        return found.skip, found.key

    reason, _ = cell()
    assert reason is not None
    assert "--set vqgan-lc.codebook=FILE" in reason
    assert "scripts/make_codebook.py" in reason
    given = Setting("vqgan-lc", "codebook", str(file))
    skip, key = cell(given)
    assert skip is None
    save_file({NAME: load_file(file)[NAME] + 1}, file)
    assert cell(given)[1] != key


@pytest.mark.parametrize("name", ["scene-cnn", "efficientnet-lite0"])
def test_features_of_patches_average_to_those_of_the_image(name: str) -> None:
    try:
        extractor = load_extractor(name)
    except DataError as error:
        pytest.skip(str(error))
    images = pictures(2)
    found = script().patch_features(extractor, images)
    whole = extractor.features(images)
    assert found.shape == (2, {"scene-cnn": 64, "efficientnet-lite0": 49}[name], whole.shape[1])
    torch.testing.assert_close(found.mean(1) / (SCALE if name == "scene-cnn" else 1), whole)


def test_patches_of_clip_are_in_its_own_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a small CLIP in the released format: the class token, read in the same way, is the feature of the image."""
    make_importable()
    import open_clip

    small = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 24, "heads": 2, "layers": 1},
    }
    (tmp_path / "patched-clip.json").write_text(json.dumps(small))
    open_clip.add_model_config(tmp_path / "patched-clip.json")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    path = tmp_path / "checkpoints" / open_clip_features.URL.rpartition("/")[2]
    path.parent.mkdir()
    save_file(open_clip.create_model("patched-clip").state_dict(), path)
    monkeypatch.setattr(open_clip_features, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(open_clip_features, "MODEL", "patched-clip")
    extractor, making, images = load_extractor("open-clip"), script(), pictures(2)
    found = making.patch_features(extractor, images)
    assert found.shape == (2, 16, 24)
    monkeypatch.setattr(making, "_tokens_of_clip", None)  # the token before the patches
    making.LAYERS["open-clip"] = making.Layer(
        making.LAYERS["open-clip"].of, lambda clip, output: output[:, :1] @ clip.encoder.clip.visual.proj
    )
    torch.testing.assert_close(making.patch_features(extractor, images)[:, 0], extractor.features(images))


def test_clusters_are_the_means_of_groups_and_equal_patches_count_once() -> None:
    making = script()
    centres = 50 * torch.randn(6, 4, generator=torch.Generator().manual_seed(1))
    rows = centres.repeat_interleave(40, 0) + torch.randn(240, 4, generator=torch.Generator().manual_seed(2))
    rows = torch.cat([rows, rows[:1].expand(5000, -1)])
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    found = min((making.cluster(rows, 6, seed) for seed in range(8)), key=lambda c: torch.cdist(rows, c).amin(1).sum())
    assert torch.equal(torch.random.get_rng_state(), state)
    order = torch.cdist(centres, found).argmin(1)
    torch.testing.assert_close(found[order], rows[:240].unflatten(0, (6, 40)).mean(1))
    assert torch.equal(making.cluster(rows, 6, 3), making.cluster(rows, 6, 3))
    with pytest.raises(UsageError, match="240 different patches cannot give 241 codes"):
        making.cluster(rows, 241, 0)


def test_the_script_makes_the_same_file_twice_and_the_method_reads_it(
    miniatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    written = []
    for name in ("first", "second", "too-many"):
        path = tmp_path / f"{name}.safetensors"
        words = ["--output", str(path), "--dataset", "folder", "--root", str(miniatures / "folder"), "--images", "12"]
        words += ["--extractor", "scene-cnn"]
        words += ["--cache", str(tmp_path / "cache"), "--codes", "9999" if name == "too-many" else "32"]
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
        if name == "too-many":
            with pytest.raises(SystemExit, match="give more --images"):
                script().main()
            continue
        script().main()
        written.append(path.read_bytes())
    torch.set_num_threads(threads)
    assert "32 vectors 96 wide" in capsys.readouterr().out
    assert written[0] == written[1]
    made = tmp_path / "second.safetensors"
    assert len(read_vectors(made).unique(dim=0)) == 32
    tokenizer = VqGanLc(codebook=made).build(SMOKE, "folder", None).eval()
    assert tokenizer.encode(torch.zeros(1, 3, 32, 32)).shape == (1, 8, 8)
