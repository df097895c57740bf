# SPDX-License-Identifier: Apache-2.0
"""Strokes of a picture in SVG, readable in black and white. Numbers have one decimal: the same picture is the same text
everywhere."""
from html import escape

INK, GREY, PALE = "#222222", "#666666", "#dddddd"


def number(value):
    """Without a decimal that says nothing, and without -0."""
    text = f"{value:.1f}"
    text = text[:-2] if text.endswith(".0") else text
    return "0" if text == "-0" else text


class Picture:
    """Elements in the order in which they are drawn, on white."""

    def __init__(self, width, height, title):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
            f'font-size="16" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="{height}" fill="white"/>',
        ]

    def add(self, name, content=None, **attributes):
        said = "".join(
            f' {key.replace("_", "-")}="{escape(number(value) if isinstance(value, (int, float)) else value)}"'
            for key, value in attributes.items()
        )
        self.parts.append(f"<{name}{said}/>" if content is None else f"<{name}{said}>{escape(content)}</{name}>")

    def text(self, x, y, content, **attributes):
        self.add("text", content, x=x, y=y, **attributes)

    def rect(self, x, y, width, height, **attributes):
        attributes = {"fill": "white", "stroke": INK, "stroke_width": 1.5} | attributes
        self.add("rect", x=x, y=y, width=width, height=height, **attributes)

    def line(self, points, **attributes):
        attributes = {"stroke": INK, "stroke_width": 1.5} | attributes
        self.add("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y in points), fill="none", **attributes)

    def dot(self, x, y, radius, **attributes):
        self.add("circle", cx=x, cy=y, r=radius, **attributes)

    def arrow(self, points, **attributes):
        """Along the points, which end in a horizontal or vertical stroke, with a head at the last."""
        (x0, y0), (x, y) = points[-2:]
        dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
        self.line(points[:-1] + [(x - 8 * dx, y - 8 * dy)], **attributes)
        head = [(x, y), (x - 10 * dx - 5 * dy, y - 10 * dy - 5 * dx), (x - 10 * dx + 5 * dy, y - 10 * dy + 5 * dx)]
        self.add("polygon", points=" ".join(f"{number(a)},{number(b)}" for a, b in head))

    def __str__(self):
        return "\n".join(self.parts) + "\n</svg>\n"
