"""An SVG file of Matplotlib's as part of an HTML page.

Between a file and a part of a page there are four differences: no XML header; identifiers must not clash
with those of the page's other figures; the page's fonts are used; and a reader who cannot see is told
what the figure shows. The notes that `codec_eval.rd_plots` gives its curves become titles of the points,
which browsers show when one points at them, without any script.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

from codec_eval.rd_plots import NOTES

__all__ = ["inline_svg"]

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FONT_FAMILY = re.compile(r"font-family:[^;]*;\s*")


def inline_svg(svg: str, *, prefix: str, title: str, description: str) -> str:
    """Make an SVG file fit to stand in an HTML page.

    Parameters
    ----------
    svg : str
        Of `codec_eval.rd_plots.render_svg`.
    prefix : str
        For every identifier: letters, digits and hyphens, another one for each figure of the page.
    title, description : str
        What the figure is, and what it shows, for those who cannot see it.

    Returns
    -------
    str
        An ``<svg>`` element that is as wide as its box.
    """
    root = ElementTree.fromstring(svg)
    for tag in ("metadata", "style"):  # a style sheet would reach out over the whole page
        _remove(root, f"{{{_SVG}}}{tag}")
    for element in root.iter():
        _add_point_titles(element)
        _localise(element, prefix)
    width, height = root.get("viewBox", "0 0 1 1").split()[2:]
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {
        "role": "img",
        "aria-labelledby": f"{prefix}-title {prefix}-description",
        "style": f"aspect-ratio:{float(width):g}/{float(height):g};stroke-linejoin:round",
    }
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        child = ElementTree.Element(
            f"{{{_SVG}}}{tag}", {"id": f"{prefix}-{tag.replace('desc', 'description')}"}
        )
        child.text = text
        root.insert(position, child)
    _drop_namespaces(root)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _remove(root: ElementTree.Element, tag: str) -> None:
    for parent in list(root.iter()):
        for child in parent.findall(tag):
            parent.remove(child)


def _add_point_titles(element: ElementTree.Element) -> None:
    """Give the markers of a curve its notes, one each, and take the notes from the identifier."""
    identifier = element.get("id", "")
    if not identifier.startswith(NOTES):
        return
    del element.attrib["id"]
    # A curve's markers are the uses that are not within definitions, in the order of its points.
    for use, note in zip(element.iter(f"{{{_SVG}}}use"), json.loads(identifier.removeprefix(NOTES))):
        ElementTree.SubElement(use, f"{{{_SVG}}}title").text = note


def _localise(element: ElementTree.Element, prefix: str) -> None:
    """Prefix what identifies and what refers; leave the font to the page."""
    if "id" in element.attrib:
        element.attrib["id"] = f"{prefix}-{element.attrib['id']}"
    for name, value in list(element.attrib.items()):
        if name in ("href", f"{{{_XLINK}}}href") and value.startswith("#"):
            del element.attrib[name]
            element.attrib["href"] = f"#{prefix}-{value[1:]}"
        elif "url(#" in value:
            element.attrib[name] = value.replace("url(#", f"url(#{prefix}-")
        elif name == "style":
            element.attrib[name] = _FONT_FAMILY.sub("", value)


def _drop_namespaces(root: ElementTree.Element) -> None:
    """Plain names: within HTML the parser knows that what is inside ``<svg>`` is SVG."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
