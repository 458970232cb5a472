"""Every duty of a method is broken once, and the line that says so is the one that was meant."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.check.method import DUTIES
from bench.check.report import Line

Answers = Callable[..., list[Line]]


BUILD = "return Greys(preset.image_size, self.codes)"
LOSS = '        return {"reconstruction": loss}'
CODES = "    codes: int = 4\n"
GREYS = "class Greys(Tokenizer):"
LEVELS = "return self.levels\n"
ENCODE = "        greys = nn.functional.avg_pool2d(images.mean(1), 4)"
FIXED = "torch.rand(codes, 1) * 2 - 1"
FREE = "torch.tensor(np.random.default_rng().random((codes, 1))).float()"
BROKEN = [
    ("has a docstring", '    """Grey levels of patches."""\n', "", "SoundMethod has no docstring"),
    ("is a frozen", "class SoundMethod(Method)", "class SoundMethod", "is not a subclass of bench.contracts"),
    ("has plain values", CODES, f"{CODES}    of: object = frozenset()\n", "of is frozenset(), which is"),
    ("builds at", BUILD, "return None", "build returned a NoneType"),
    ("builds at", BUILD, 'raise KeyError("k")', "KeyError: 'k' (edited_"),
    ("builds at", GREYS, f"{GREYS}\n    discrete = False", "discrete is False of the tokenizer and True"),
    ("builds at", CODES, f'{CODES}\n    def wraps(self): return "vqgann"\n', "did you mean 'vqgan'"),
    ("turns images", ".abs().argmin(-1)", ".abs().argmin(-1).flatten()", "encode gives indices [128] for two"),
    ("turns images", "scale_factor=4", "scale_factor=2", "decode gives images [2, 3, 16, 16], not [2, 3, 32"),
    ("has a codebook", LEVELS, "return self.levels / 0\n", "not all finite floats"),
    ("has a codebook", LEVELS, "return self.levels[None, None]\n", "the codebook is [1, 1, 4, 1], not [K"),
    ("starts from", FIXED, FREE, "levels of two tokenizers built with one seed differ"),
    ("can have another", BUILD, "return Greys(preset.image_size, 4)", "with codes=128 the codebook is [4, 1]"),
    ("has finite losses", LOSS, LOSS.replace("loss}", "loss / 0}"), "the loss 'reconstruction' is inf at step 0"),
    ("has finite losses", LOSS, LOSS.replace("loss}", "loss[None]}"), "the loss 'reconstruction' is [1], no scalar"),
    ("has finite losses", LOSS, LOSS.replace("loss}", "0.5}"), "the loss 'reconstruction' is a float"),
    ("has finite losses", LOSS, LOSS.replace("recon", "_recon"), "have nothing to minimise: _reconstruction"),
    ("passes gradients", LOSS, LOSS.replace("loss}", "loss * 0}"), "no gradient reaches any of 1 parameters"),
    ("passes gradients", LOSS, LOSS.replace("loss}", "loss.detach()}"), "does not require grad"),
    ("stays finite", LOSS, f"        loss = loss / (2 - step)\n{LOSS}", "loss 'reconstruction' is inf within"),
    ("stays finite", LOSS, f"        self.seen += float('inf')\n{LOSS}", "seen is not finite after 3 steps"),
    ("ends with", LOSS, f"        self.seen += np.random.default_rng().random()\n{LOSS}", "seen of two trainings"),
    ("encodes each", ENCODE, f"        images = images - images.mean()\n{ENCODE}", "codes depend on the batch"),
    ("decodes batches", "self.levels[indices]", "(self.levels / self.training)[indices]", "not finite in a batch of 1"),
    ("learns nothing", ENCODE, f"        self.seen += 1\n{ENCODE}", "seen of a tokenizer before and after encoding"),
    ("is the same after", "self.levels[indices]", "(self.levels + self.shift)[indices]", "the decoded images differ"),
]
"""The beginning of a duty, an edit of the sound plug-in that breaks it, and what its line then says."""

SHIFT = ("        self.register_buffer(", "        self.shift = torch.rand(1)\n        self.register_buffer(")
"""A tensor that is no buffer, so that nobody saves it."""


def test_a_method_that_keeps_its_contract_has_no_broken_duty(answers: Answers) -> None:
    lines = answers("method", "sound")
    assert [line.status for line in lines] == ["ok"] * len(DUTIES)


@pytest.mark.parametrize(("duty", "old", "new", "words"), BROKEN)
def test_a_broken_duty_is_a_line(answers: Answers, duty: str, old: str, new: str, words: str) -> None:
    broken = [line.text for line in answers("method", "sound", (old, new), SHIFT) if line.status == "FAIL"]
    assert any(text.startswith(duty) and words in text for text in broken), broken


def test_every_duty_is_shown_to_fail() -> None:
    assert not [duty.text for duty in DUTIES if not any(duty.text.startswith(broken[0]) for broken in BROKEN)]


def test_what_needs_a_broken_duty_is_left_out(answers: Answers) -> None:
    *_, failed, left = answers("method", "sound", (BUILD, "return None"))
    assert failed.status == "FAIL"
    assert (left.status, left.text) == ("skip", f"{len(DUTIES) - 4} more duties, which need this one")


def test_a_method_whose_file_is_missing_is_skipped_with_its_reason(answers: Answers) -> None:
    missing = '    codes: int = 4\n\n    def missing(self): return "needs --set sound.file=FILE"\n'
    lines = answers("method", "sound", (CODES, missing))
    assert [line.status for line in lines] == ["ok"] * 3 + ["skip"] * 2
    assert lines[3].text.endswith("needs --set sound.file=FILE")


def test_a_method_that_needs_text_is_given_captions_and_their_encoder(answers: Answers) -> None:
    uses = f"        assert batch.text is not None and batch.text.tokens.ndim == 3\n{LOSS}"
    lines = answers(
        "method", "sound", (LOSS, uses), (CODES, "    codes: int = 4\n    needs_text = True\n"),
        (BUILD, f"assert text is not None\n        {BUILD}"),
    )  # fmt: skip
    assert {line.status for line in lines} == {"ok"}


def test_a_method_without_indices_keeps_its_contract(answers: Answers) -> None:
    edits = [
        ("class Greys(Tokenizer):", "class Greys(Tokenizer):\n    discrete = False"),
        (CODES, "    codes: int = 4\n    discrete = False\n"),
        (LEVELS, "return self.levels[:0]\n"),
        ("(greys[..., None] - self.levels[:, 0]).abs().argmin(-1)", "greys[..., None] * self.levels[0]"),
        ("self.levels[indices]", "indices"),
    ]
    lines = answers("method", "sound", *edits)
    assert [line.text for line in lines if line.status == "FAIL"] == []
