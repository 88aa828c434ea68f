"""The report in a real browser: nothing fetched, nothing logged, nothing wider than a phone."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codec_eval.points import write_points
from codec_eval.rate_distortion import measure_point
from codec_eval.report import write_report

pytestmark = pytest.mark.browser

CODECS = ("jpeg-pillow", "jpeg-pillow-optimised", "jpeg-pillow-444-optimised", "jpeg2000", "webp")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with long names, published curves, and a failure of a long message."""
    folder = tmp_path_factory.mktemp("report")
    name = "a-photograph-with-a-rather-long-name-without-spaces.png"
    rows, columns = np.mgrid[:200, :240]
    wave = 128 + 50 * np.sin(rows / 5) + 40 * np.cos(columns / 7)
    noise = np.random.default_rng(2).normal(0, 8, (200, 240, 3))
    Image.fromarray(np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)).save(folder / name)
    (folder / "broken.png").write_bytes(b"no picture")
    points = [measure_point(folder / name, codec, q) for codec in CODECS for q in (20, 40, 60, 80)]
    points.append(measure_point(folder / "broken.png", "webp", 50))
    write_points(folder / "points.csv", points)
    return write_report(folder / "points.csv", folder, folder / "out", anchors=True)[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, as the system has it."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Any, page_file: Path, width: int) -> tuple[Any, list[str], list[str]]:
    """The page at a width, with what it logged and what it asked for."""
    page = browser.new_page(viewport={"width": width, "height": 800})
    logged: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(page_file.as_uri(), wait_until="networkidle")
    return page, logged, [url for url in requested if not url.startswith("data:")]


@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_no_width_scrolls_sideways_or_fetches_anything(browser: Any, page_file: Path, width: int) -> None:
    page, logged, requested = opened(browser, page_file, width)
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert logged == []
    assert requested == [page_file.as_uri()]
    page.close()


@pytest.mark.parametrize(("width", "shown"), [(360, "narrow"), (1200, "wide")])
def test_one_of_two_figures_is_shown_and_its_text_can_be_read(
    browser: Any, page_file: Path, width: int, shown: str
) -> None:
    page, _, _ = opened(browser, page_file, width)
    visible = page.evaluate(
        "[...document.querySelectorAll('.curves svg')].filter(svg => svg.checkVisibility()).map("
        "svg => [svg.parentElement.className, svg.getBoundingClientRect().width / svg.viewBox.baseVal.width]"
        ")"
    )
    assert [name for name, _ in visible] == [shown] * 5
    assert all(0.9 < scale < 1.3 for _, scale in visible)  # 11.5 px text stays above 10 px
    page.close()


@pytest.mark.parametrize("width", [360, 1200])
def test_no_text_of_a_figure_covers_another_or_leaves_it(browser: Any, page_file: Path, width: int) -> None:
    page, _, _ = opened(browser, page_file, width)
    overlaps = page.evaluate(
        """[...document.querySelectorAll('.curves svg')].filter(svg => svg.checkVisibility()).flatMap(svg => {
            const texts = [...svg.querySelectorAll('text')];
            const boxes = texts.map(t => [t.textContent, t.getBoundingClientRect()]);
            const whole = svg.getBoundingClientRect();
            const bad = boxes.filter(([, a]) => a.left < whole.left - 1 || a.right > whole.right + 1);
            boxes.forEach(([s, a], i) => boxes.slice(i + 1).forEach(([t, b]) => {
                const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
                const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
                if (across > 1 && down > 4) bad.push([s, t]);
            }));
            return bad;
        })"""
    )
    assert overlaps == []
    page.close()


def test_the_strip_shows_whole_multiples_of_its_pixels(browser: Any, page_file: Path) -> None:
    for width, zoom in ((360, 2), (1200, 3)):
        page, _, _ = opened(browser, page_file, width)
        sizes = page.evaluate(
            "[...document.querySelectorAll('.strip img:not(.whole)')]"
            ".map(i => [i.width / i.naturalWidth, i.height / i.naturalHeight, i.complete])"
        )
        assert sizes == [[zoom, zoom, True]] * (1 + 2 * len(CODECS))
        page.close()


def test_it_prints_in_few_pages(browser: Any, page_file: Path) -> None:
    page, _, _ = opened(browser, page_file, 1200)
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") <= 8
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 between its margins
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    page.close()


def test_it_is_dark_on_white(browser: Any, page_file: Path) -> None:
    page, _, _ = opened(browser, page_file, 1200)
    drawn = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    assert np.median(drawn) == 255
    assert drawn.min() < 60
    page.close()
