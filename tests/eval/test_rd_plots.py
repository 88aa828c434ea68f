"""Rate–distortion figures: names that do not overlap, styles that differ, SVG that fits into a page."""

from __future__ import annotations

import io
import math
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from codec_eval.inline_svg import inline_svg
from codec_eval.rd_plots import (
    MEASURES,
    NARROW,
    WIDE,
    Curve,
    curve_style,
    rd_figure,
    render_png,
    render_svg,
    spread,
)

PSNR, MS_SSIM_DB = MEASURES[0], MEASURES[-1]


def curve(name: str, style: int | None = 0, shift: float = 0.0) -> Curve:
    points = [(0.1 * 2**i, 25 + 3 * i + shift) for i in range(5)]
    return Curve(name, points, style, [f"{name} {i}" for i in range(5)] if style is not None else ())


@given(
    st.lists(st.floats(-50, 150), min_size=1, max_size=12),
    st.lists(st.floats(1, 8), min_size=12, max_size=12),
)
def test_spread_keeps_order_bounds_and_distances(wanted: list[float], heights: list[float]) -> None:
    heights = heights[: len(wanted)]
    centres = spread(sorted(wanted), heights, 0.0, 100.0)
    for (a, height_a), (b, height_b) in pairwise(zip(centres, heights)):
        assert b - a >= (height_a + height_b) / 2 - 1e-9
    assert centres[0] >= heights[0] / 2 - 1e-9
    assert centres[-1] <= 100 - heights[-1] / 2 + 1e-9


def test_spread_moves_only_what_is_in_the_way() -> None:
    assert spread([10, 50, 51, 90], [10, 10, 10, 10], 0, 100) == pytest.approx([10, 45.5, 55.5, 90])


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("count", [1, 6, 25])
def test_names_never_overlap_and_stay_inside(width: int, count: int) -> None:
    names = [f"jpeg-pillow-444-optimised-{i}" for i in range(count)]
    figure = rd_figure(PSNR, [curve(name, i) for i, name in enumerate(names)], width=width)
    figure.draw_without_rendering()
    joined = {name.replace("-", "") for name in names}
    boxes = [
        text.get_window_extent()
        for text in figure.axes[0].texts
        if re.sub(r"[-\n]", "", text.get_text()) in joined
    ]
    assert len(boxes) == count
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    drawing = figure.bbox
    assert all(drawing.x0 <= box.x0 and box.x1 <= drawing.x1 for box in boxes)
    assert all(drawing.y0 <= box.y0 and box.y1 <= drawing.y1 for box in boxes)
    plot = figure.axes[0].get_window_extent()
    assert all(box.x0 >= plot.x1 for box in boxes)
    assert plot.width > 0.3 * width


def test_codecs_differ_in_colour_marker_and_dashes() -> None:
    for a, b in combinations([curve_style(i) for i in range(5)], 2):
        assert all(x != y for x, y in zip(a, b))
    assert len({str(curve_style(i)) for i in range(385)}) == 385


def test_published_curves_are_cut_to_where_ours_are() -> None:
    published = Curve("vtm", [(0.01, 10.0), (0.2, 29.0), (0.4, 33.0), (50.0, 60.0)])
    axes = rd_figure(PSNR, [curve("ours"), published]).axes[0]
    assert axes.get_xlim()[1] < 3
    drawn = [line.get_xydata().tolist() for line in axes.lines if line.get_transform() == axes.transData]
    assert [[0.2, 29.0], [0.4, 33.0]] in drawn
    alone = rd_figure(PSNR, [curve("ours"), Curve("far", [(50.0, 60.0)])]).axes[0]
    assert all(text.get_text() != "far" for text in alone.texts)


def test_points_without_a_place_are_left_out() -> None:
    lossless = Curve("lossless", [(1.0, 30.0), (2.0, math.inf)], 0, ["low", "high"])
    axes = rd_figure(PSNR, [lossless]).axes[0]
    assert next(line.get_xydata().tolist() for line in axes.lines) == [[1.0, 30.0]]
    with pytest.raises(ValueError, match="PSNR"):
        rd_figure(PSNR, [Curve("none", [(2.0, math.inf)], 0)])


def test_the_rate_axis_is_logarithmic_with_plain_numbers() -> None:
    figure = rd_figure(PSNR, [curve("a")])
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert {"0.1", "0.2", "0.5", "1"} <= {label.get_text() for label in axes.get_xticklabels()}


def test_measures_of_a_point() -> None:
    point = SimpleNamespace(psnr=30.0, psnr_y=31.0, ssim=0.9, ms_ssim=0.99)
    assert [measure.value(point) for measure in MEASURES] == pytest.approx([30, 31, 0.9, 0.99, 20])
    point.ms_ssim = None
    assert MS_SSIM_DB.value(point) is None
    assert (PSNR.text(None), PSNR.text(math.inf), PSNR.text(30.126)) == ("–", "∞", "30.13")
    assert (PSNR.label, MEASURES[2].label) == ("PSNR (RGB), dB", "SSIM")


def test_files_are_the_same_each_time_and_png_is_twice_as_wide() -> None:
    first, second = (rd_figure(PSNR, [curve("a"), curve("b", 1, 2)]) for _ in range(2))
    assert render_svg(first) == render_svg(second)
    assert render_png(first) == render_png(second)
    with Image.open(io.BytesIO(render_png(first))) as png:
        assert png.width == 2 * WIDE


def inline(name: str = "a", prefix: str = "f1") -> str:
    svg = render_svg(rd_figure(PSNR, [curve(name), curve("b", 1, 2), curve("vtm", None)]))
    return inline_svg(svg, prefix=prefix, title="Curves of <a> & b", description="They rise.")


def test_inline_svg_stands_in_a_page() -> None:
    svg = inline()
    assert svg.startswith("<svg ")
    assert "<style" not in svg
    assert "metadata" not in svg
    assert "font-family" not in svg
    root = ElementTree.fromstring(svg)
    assert "width" not in root.attrib
    identifiers = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert all(identifier.startswith("f1-") for identifier in identifiers)
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
    assert references
    assert {a or b for a, b in references} <= set(identifiers)
    assert not set(identifiers) & set(re.findall(r'id="([^"]+)"', inline(prefix="f2")))
    labels = root.get("aria-labelledby", "").split()
    texts = [next(e.text for e in root.iter() if e.get("id") == label) for label in labels]
    assert texts == ["Curves of <a> & b", "They rise."]
    assert root.get("role") == "img"


def test_points_have_titles_in_their_order() -> None:
    root = ElementTree.fromstring(inline())
    titles = [use.find("title").text for use in root.iter("use") if use.find("title") is not None]
    assert titles == [f"{name} {i}" for name in "ab" for i in range(5)]
    across = [float(use.get("x")) for use in root.iter("use") if use.find("title") is not None]
    assert across[:5] == sorted(across[:5])


def test_names_of_any_characters() -> None:
    svg = inline("a & <b> $x_1$ \u00e9")
    assert "a & <b> $x_1$ \u00e9" in [e.text for e in ElementTree.fromstring(svg).iter("text")]
