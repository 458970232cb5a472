"""What an OCR engine reads before and after: on text of known sizes, unchanged, blurred and gone."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from bench.contracts.codes import Codes
from bench.contracts.data import Split
from bench.contracts.result import TaskResult
from bench.contracts.task import Work
from bench.data.rendered_text import RenderedText
from bench.data.words.paint import draw_word
from bench.errors import NotMeasurable
from bench.images import to_float
from bench.presets import Budget
from bench.system.torchvision_ops import make_importable
from bench.tasks.parts.reading import engine
from bench.tasks.parts.reading.engine import Engine
from bench.tasks.parts.reading.heights import error_of_legible, smallest_legible, step_of
from bench.tasks.parts.reading.scores import compare, words_in
from bench.tasks.text_preservation import LEGIBLE, METRICS, TextPreservation

pytest.importorskip("rapidocr", reason="the extra ocr is not installed")
CPU = torch.device("cpu")
BUDGET = Budget(1, 1, 1e-3, 8, 1)
TESTS = 40


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Split]:
    """Without the second test split, whose images would take as long again."""
    made = RenderedText(limits={"train": 60, "validation": 4, "test": TESTS})
    folder: Path = tmp_path_factory.mktemp("cache")
    names = ("train", "validation", "test")
    return {name: replace(made.split(name, folder), cache=folder / name) for name in names}


def blur(images: np.ndarray) -> np.ndarray:
    soft = ImageFilter.GaussianBlur(1)
    return np.stack([np.asarray(Image.fromarray(image).filter(soft)) for image in images])


def run(splits: dict[str, Split], change: Callable[[np.ndarray], np.ndarray] | None, images: int = TESTS) -> TaskResult:
    """The task on codes that number the images, 8 x 8 an image, and decode to the changed image."""

    def decoder(split: Split) -> Callable[[Tensor], Tensor]:
        return lambda picked: to_float(change(split.images[picked[:, 0, 0].numpy()]), CPU)

    codes = None
    if change is not None:
        numbers = {name: np.arange(len(split)).repeat(64).reshape(-1, 8, 8) for name, split in splits.items()}
        codes = {name: Codes(numbers[name], torch.eye(64), True, decoder(split)) for name, split in splits.items()}
    return TextPreservation(images).run(Work(codes, splits, BUDGET, 0, CPU))


@pytest.fixture(scope="module")
def unchanged(splits: dict[str, Split]) -> TaskResult:
    return run(splits, lambda images: images)


def test_the_engine_reads_large_words_and_no_tiny_ones(unchanged: TaskResult) -> None:
    by_height = [unchanged.metrics[f"word_accuracy/{height}-px@real"].value for height in (4, 6, 8, 12)]
    assert by_height == sorted(by_height)
    assert by_height[-1] > 0.9
    assert by_height[0] < 0.2
    assert unchanged.metrics["word_accuracy/12-px@real"].n == TESTS // 4


def test_unchanged_images_read_as_before(unchanged: TaskResult) -> None:
    assert [unchanged.metrics[metric].value for metric in METRICS] == [1, 0, 0]
    for metric in METRICS:
        assert unchanged.metrics[f"{metric}@truth"].value == unchanged.metrics[f"{metric}@real"].value
    height = unchanged.metrics["smallest_legible"].value
    assert unchanged.metrics["smallest_legible_cells"].value == height / 4
    assert unchanged.metrics["images_with_text"].value > 0.6
    assert unchanged.metrics["smallest_legible"].error == unchanged.metrics["smallest_legible_cells"].error == 0
    assert 0 < unchanged.metrics["images_with_text"].error < 0.1
    assert "| read before | read after |" in unchanged.samples["readings.md"]


def test_blur_takes_small_text_first(splits: dict[str, Split], unchanged: TaskResult) -> None:
    result = run(splits, blur)
    values = {name: score.value for name, score in result.metrics.items()}
    assert values["word_accuracy/12-px"] > values["word_accuracy/8-px"] > values["word_accuracy/6-px"]
    assert values["word_accuracy"] < 1
    assert values["character_error_rate"] > 0
    assert values["smallest_legible"] > unchanged.metrics["smallest_legible"].value
    assert values["images_with_text"] == unchanged.metrics["images_with_text"].value


def test_nothing_is_read_on_the_mean_image(splits: dict[str, Split]) -> None:
    result = run(splits, None)
    assert result.metrics["word_accuracy"].value < 0.05
    assert result.metrics["word_error_rate"].value >= 0.95
    assert "fewer than half of the words" in result.skipped["smallest_legible"]


def test_only_so_many_images_are_read_and_each_by_itself(splits: dict[str, Split], unchanged: TaskResult) -> None:
    first = run(splits, lambda images: images, images=8)
    assert first.metrics["images_with_text"].n == first.metrics["word_accuracy@truth"].n == 8
    assert np.array_equal(first.per_example["word_accuracy@truth"], unchanged.per_example["word_accuracy@truth"][:8])
    assert "10 lines" in first.skipped["smallest_legible"]


def test_where_nothing_can_be_read_all_is_skipped_with_the_reason(splits: dict[str, Split]) -> None:
    plain = {name: Split(name, np.full_like(split.images[:3], 120)) for name, split in splits.items()}
    result = run(plain, lambda images: images)
    assert not result.metrics
    assert set(result.skipped) == {*METRICS, *LEGIBLE, "images_with_text"}
    assert set(result.skipped.values()) == {"the test split: the engine reads a word on 0 of 3 originals"}


def test_without_a_known_truth_text_is_sorted_by_the_height_that_the_engine_sees(
    splits: dict[str, Split], unchanged: TaskResult
) -> None:
    unknown = {name: replace(split, questions=[]) for name, split in splits.items()}
    result = run(unknown, lambda images: images)
    assert not [name for name in result.metrics if "@" in name]
    assert result.metrics["word_accuracy"] == unchanged.metrics["word_accuracy"]
    for height in (6, 8, 12):
        lines, wanted = (each.metrics[f"word_accuracy/{height}-px"].n for each in (result, unchanged))
        assert abs(lines - wanted) <= 4


def test_without_the_package_it_says_how_to_get_it(splits: dict[str, Split], monkeypatch: pytest.MonkeyPatch) -> None:
    engine._files.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        result = run(splits, lambda images: images)
        assert TextPreservation().protocol()["engine"] is None
    assert not result.metrics
    assert set(result.skipped.values()) == {f"reading text needs the package rapidocr: {engine.INSTALL}"}


def test_lines_have_their_place_and_height_and_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    from rapidocr.utils.download_file import DownloadFile

    monkeypatch.setattr(DownloadFile, "run", lambda *given: pytest.fail("it downloads"))
    page = np.full((120, 240, 3), 255, np.uint8)
    for top, word in ((10, "house"), (70, "garden")):
        cover = draw_word(word, "DejaVuSans", 24, 120, np.random.default_rng(0)).cover
        rows = np.flatnonzero(cover.max(1))
        letters = cover[rows[0] : rows[-1] + 1]
        page[top : top + len(letters), 60:180] = np.round(255 * (1 - letters))[..., None]
    first, second = Engine().lines(page)
    assert (first.text, second.text) == ("house", "garden")
    for line, top in ((first, 10), (second, 70)):
        assert line.box[1] / 4 < top + 2
        assert 15 < line.height < 32
    assert Engine().read_again(page, [second, first]) == ["garden", "house"]
    assert Engine().read_again(np.full_like(page, 255), [first]) == [""]


def test_agreement_by_hand() -> None:
    assert compare("the cat sat", "The cat, sat!") == (1, 0, 0)
    assert compare("the hat", "the cat sat") == (1 / 3, 5 / 11, 2 / 3)
    assert compare("", "four") == (0, 1, 1)
    assert compare("cat cat", "cat") == (1, 4 / 3, 1)
    assert words_in("A trée, 12 b-c!") == ["trée", "12", "bc"]
    with pytest.raises(NotMeasurable):
        compare("cat", "- a")


def test_error_rates_are_those_of_torchmetrics() -> None:
    make_importable()
    from torchmetrics.functional.text import char_error_rate, word_error_rate

    rng = np.random.default_rng(0)
    words = ["cat", "cart", "house", "hose", "tree", "three"]
    for _ in range(20):
        read, wanted = (" ".join(rng.choice(words, rng.integers(1, 6))) for _ in range(2))
        found = compare(read, wanted)
        assert found.character_error_rate == pytest.approx(float(char_error_rate(read, wanted)), rel=1e-6)
        assert found.word_error_rate == pytest.approx(float(word_error_rate(read, wanted)), rel=1e-6)


def test_the_smallest_legible_height() -> None:
    def of(shares: dict[int, float], lines: int = 10) -> dict[int, np.ndarray]:
        return {height: np.repeat(share, lines) for height, share in shares.items()}

    assert smallest_legible(of({6: 0.2, 8: 0.5, 12: 0.9})) == 8
    assert smallest_legible(of({6: 0.9, 8: 0.4, 12: 0.9})) == 12
    assert smallest_legible(of({6: 0.9, 12: 0.9}) | of({8: 0.0}, 9)) == 6
    with pytest.raises(NotMeasurable, match="of the largest text, 12 px"):
        smallest_legible(of({8: 1.0, 12: 0.4}))
    with pytest.raises(NotMeasurable, match="10 lines"):
        smallest_legible(of({8: 1.0}, 9))
    assert [step_of(height) for height in (2, 4.8, 5, 7.1, 11.9, 40, 5000)] == [4, 4, 6, 8, 12, 48, 1536]


def test_the_error_of_the_smallest_legible_height_is_its_spread_over_other_images() -> None:
    """Two lines an image, a large and a small one; of the small ones about half of the words are read."""
    rng, count = np.random.default_rng(0), 60
    large, small = rng.uniform(0.7, 1, count), rng.uniform(0, 1.02, count)
    heights = []
    for _ in range(400):
        rows = rng.integers(count, size=count)
        heights.append(smallest_legible({12: large[rows], 8: small[rows]}))
    images = {12: np.arange(count), 8: np.arange(count)}
    found = error_of_legible({12: large, 8: small}, images)
    assert found is not None
    assert found == pytest.approx(np.std(heights, ddof=1), rel=0.15)
    assert found > 0.5
    assert error_of_legible({12: large, 8: small * 0}, images) == 0
    assert error_of_legible({12: small, 8: small}, images) is None
    assert error_of_legible({12: large}, {12: np.zeros(count, int)}) is None
