"""Just enough SVG: elements as escaped markup, and how wide a text will be.

Colours, fonts and line styles are classes of the page's style sheet, so that light, dark and print need no second
picture. Every text and attribute is escaped here; nothing else in the pictures writes a `<`.
"""

from __future__ import annotations

from markupsafe import Markup, escape

__all__ = ["clip", "picture", "tag", "text_width_px", "wrap"]

CHARACTER_WIDTH = 0.6
"""Mean width of a character as a part of the font size, for the widest of the usual sans-serif fonts."""
SMALLEST = 0.75
"""How far a picture shrinks with the page before it scrolls instead, so that its text stays readable."""


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """One element. `class_` is class, `stroke_width` is stroke-width; numbers are rounded, None leaves one out."""
    words = [
        Markup(' {}="{}"').format(key.strip("_").replace("_", "-"), _short(value))
        for key, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(escape(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(Markup(name), Markup("").join(words), inner, Markup(name))


def picture(identity: str, title: str, description: str, width_px: float, height_px: float, *children: str) -> Markup:
    """A whole picture, with title and description for those who have it read to them.

    Args:
        identity: unique on the page, made of letters, digits and dashes.
        title, description: what it shows, in one line and in a few sentences.
        width_px, height_px: its natural size.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{identity}-title"),
        tag("desc", description, id=f"{identity}-desc"),
        *children,
        id=identity,
        role="img",
        aria_labelledby=f"{identity}-title {identity}-desc",
        viewBox=f"0 0 {width_px:.0f} {height_px:.0f}",
        style=f"min-width:{width_px * SMALLEST:.0f}px",
        width=round(width_px),
        height=round(height_px),
    )


def text_width_px(text: str, size_px: float = 13) -> float:
    """About how wide this text is, never too narrow for the fonts that browsers fall back to."""
    return len(text) * size_px * CHARACTER_WIDTH


def clip(text: str, width_px: float, size_px: float = 13, *, keep_end: bool = False) -> str:
    """The text, shortened with an ellipsis to fit this width; names that differ at their ends keep half of each end."""
    room = max(2, int(width_px / (size_px * CHARACTER_WIDTH)))
    if len(text) <= room:
        return text
    end = (room - 1) // 2 if keep_end else 0
    return text[: room - 1 - end] + "…" + text[len(text) - end :]


def wrap(text: str, width_px: float, size_px: float = 13, lines: int = 3) -> list[str]:
    """The text in lines of at most this width; the last of `lines` takes an ellipsis where more would follow."""
    rows = [""]
    for word in text.split():
        joined = f"{rows[-1]} {word}".strip()
        if rows[-1] and text_width_px(joined, size_px) > width_px:
            rows.append(word)
        else:
            rows[-1] = joined
    if len(rows) > lines:
        rows = [*rows[: lines - 1], " ".join(rows[lines - 1 :])]
    return [clip(row, width_px, size_px) for row in rows]


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value
