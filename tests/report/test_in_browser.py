"""The report in a browser: nothing fails, nothing is asked for, tables work, and everybody can use it."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.report_records import SCRIPT, write_records

from bench.leaderboard.board import render
from bench.report.page import to_html

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path")

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SEVERE = ("serious", "critical")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    store = write_records(folder / "results", [SCRIPT, "a" * 110])
    found = store.all()
    file = folder / "report.html"
    file.write_text(to_html(render(found.records, store, found.problems), found.records, store), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """The page with what it said and asked for."""

    def __init__(self, chromium: Any, address: str, viewport: dict[str, int], scheme: str = "light") -> None:
        self.context = chromium.new_context(viewport=viewport, color_scheme=scheme)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.address = address
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready=yes]", state="attached")

    def check(self) -> None:
        """Nothing was said, and nothing asked for but the file."""
        assert not self.said
        assert {url.partition("#")[0] for url in self.asked if not url.startswith("data:")} == {self.address}

    @contextlib.contextmanager
    def record(self, number: int) -> Iterator[None]:
        """The page of a record of those that are listed."""
        self.page.locator("[data-grid=records] tbody a").nth(number).click()
        yield
        self.page.get_by_text("Back to all records").click()

    def unfold(self) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        self.page.wait_for_function("() => document.querySelectorAll('[data-plot]:not([data-built])').length === 0")

    def severe(self) -> list[str]:
        """What axe finds serious or critical."""
        found = importlib.util.find_spec("axe_core_python")
        folders = (found.submodule_search_locations if found else None) or []
        script = next((path for folder in folders for path in Path(folder).rglob("axe.min.js")), None)
        if script is None:
            pytest.skip("axe-core-python is not installed")
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": script.read_text(encoding="utf-8")})
        violations = self.page.evaluate("async () => (await axe.run({resultTypes: ['violations']})).violations")
        return [f"{v['id']}: {v['nodes'][0]['html']}" for v in violations if v["impact"] in SEVERE]


@pytest.fixture(scope="module")
def opened(chromium: Any, address: str) -> Iterator[Opened]:
    """One page for all tests; whatever they did to it, at their end it has said nothing and asked for nothing."""
    page = Opened(chromium, address, WIDE)
    yield page
    page.check()
    page.context.close()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(opened: Opened, viewport: dict[str, int], scheme: str) -> None:
    opened.page.set_viewport_size(viewport)
    opened.page.emulate_media(color_scheme=scheme)
    opened.unfold()
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    dark = json.dumps(scheme == "dark")
    opened.page.wait_for_function(f"() => document.documentElement.classList.contains('dark') === {dark}")
    assert not opened.severe()


def test_everybody_can_use_a_record_s_page(opened: Opened) -> None:
    with opened.record(0):
        assert not opened.severe()


def test_it_opens_on_a_phone_in_the_dark(chromium: Any, address: str) -> None:
    phone = Opened(chromium, address, NARROW, "dark")
    phone.unfold()
    assert phone.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    phone.check()
    phone.context.close()


def rows(opened: Opened, grid: str, column: int = 1) -> list[str]:
    return opened.page.locator(f"[data-grid='{grid}'] tbody td:nth-child({column})").all_inner_texts()


def test_tables_are_sorted_by_number_and_back(opened: Opened) -> None:
    heading = opened.page.locator("[data-grid='data-0-0'] thead th", has_text="psnr (dB)")
    found = []
    for order in ("ascending", "descending"):
        heading.click()
        opened.page.locator(f"[data-grid='data-0-0'] thead th[aria-sort={order}]").wait_for()
        found.append([float(text.split(" ")[0]) for text in rows(opened, "data-0-0", 3)])
    assert found[0] == sorted(found[0])
    assert found[1] == found[0][::-1]


def test_tables_are_sorted_by_keyboard(opened: Opened) -> None:
    opened.page.get_by_role("button", name="method or metric: Activate to sort").focus()
    opened.page.keyboard.press("Enter")
    opened.page.locator("[data-grid='missing'] thead th[aria-sort=ascending]").wait_for()
    assert (shown := rows(opened, "missing", 4)) == sorted(shown, key=str.casefold)


def test_tables_are_searched_and_filtered(opened: Opened) -> None:
    grid = opened.page.locator("[data-grid=records]")
    grid.get_by_label("Find").fill("lgvq")
    assert set(rows(opened, "records", 5)) == {"lgvq"}
    task = grid.locator(".filters label", has_text="task").locator("select")
    task.select_option("vqa")
    assert set(rows(opened, "records", 4)) == {"vqa"}
    assert len(rows(opened, "records")) == 3
    grid.get_by_label("Find").fill("<script>")
    assert rows(opened, "records", 5) == [SCRIPT]
    grid.get_by_label("Find").fill("")
    task.select_option("")


def test_a_record_has_a_page_and_a_way_back(opened: Opened) -> None:
    page = opened.page
    with opened.record(0):
        assert page.evaluate("document.activeElement.tagName") == "H2"
        assert not page.locator("#all").is_visible()
        assert page.locator("#record pre").first.inner_text().startswith("python -m bench run ")
    assert page.locator("#all").is_visible()
    page.goto(f"{opened.address}#record=unknown")
    assert "python -m bench show unknown" in page.locator("#record").inner_text()
    page.goto(f"{opened.address}#main")
    assert page.locator("#all").is_visible()


def test_colours_can_be_chosen(opened: Opened) -> None:
    opened.page.emulate_media(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = opened.page.get_by_role("button", name="Dark colours")
    dark.wait_for()
    before = opened.page.evaluate(background)
    dark.click()
    assert opened.page.evaluate(background) != before
    opened.page.get_by_role("button", name="Light colours").click()
    assert opened.page.evaluate(background) == before


def test_axes_of_plots_can_be_chosen(opened: Opened) -> None:
    figure = opened.page.locator("[data-plot='data-0-rate']")
    assert figure.locator(".xtitle").first.text_content() == "bits an image"
    figure.get_by_label("across").select_option("entropy an image (bit)")
    assert figure.locator(".xtitle").first.text_content() == "entropy an image (bit)"
