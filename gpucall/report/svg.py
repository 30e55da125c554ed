"""svg: plots as inline SVG, drawn for a card 360 units wide so that their text is read on a phone as on a screen.

Colours come from the page's classes, so light, dark and print need no second drawing. Same input, same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 360.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 18.0, 34.0
MOST_POINTS = 320  # of a line; more are thinned
LABEL_GAP = 12.0  # between two labels, one above the other
LETTER = 6.6  # width of a letter on average, at the labels' size, in the widest of the usual fonts
NAME_LETTER = 8.4  # of names below an axis, their gap included

Point = tuple[float, float]
Format = Callable[[float], str]


def plain(value: float) -> str:
    """A number as short as it can be, thousands apart; large ones with k, M or G."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):g}{unit}"
    return f"{value:,g}" if value == int(value) else f"{value:g}"


def percent(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:g} %"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from ``low`` to ``high``, at most ``most``: steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return [round((first + k) * step, 10) for k in range(max(count, 1))]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten from ``low`` to ``high``."""
    return [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


class Axis(NamedTuple):
    """One axis: its ends, what it says, how its numbers are written; ``log``: powers of ten."""

    low: float
    high: float
    label: str
    format: Format = plain
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies, 0 at the low end and 1 at the high end; values outside are put at the ends."""
        return self.shares([value])[0]

    def shares(self, values: Iterable[float]) -> list[float]:
        """``share`` of each."""
        low, high = self.low, self.high
        if self.log:
            values = [math.log10(max(value, low)) for value in values]
            low, high = math.log10(low), math.log10(high)
        across = high - low
        return [min(max((value - low) / across, 0.0), 1.0) if across > 0 else 0.5 for value in values]

    def ticks(self, most: int) -> list[float]:
        """Values to mark."""
        return log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, most)


@dataclass
class Plot:
    """A plot that is being drawn, by methods that add to it; ``svg`` gives the text.

    title        what is shown, for a reader who cannot see it
    description  what it says, in a sentence
    """

    title: str
    description: str
    x: Axis
    y: Axis
    height: float = HEIGHT
    _marks: list[str] = field(default_factory=list)
    _labels: list[tuple[float, float, str, str, str]] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """A point in the drawing's units."""
        return self.places([(x, y)])[0]

    def places(self, points: Sequence[Point]) -> list[Point]:
        """Points in the drawing's units."""
        width, height, base = WIDTH - LEFT - RIGHT, self.height - TOP - BOTTOM, self.height - BOTTOM
        across, down = self.x.shares(x for x, _ in points), self.y.shares(y for _, y in points)
        return [(round(LEFT + x * width, 1), round(base - y * height, 1)) for x, y in zip(across, down, strict=True)]

    def line(self, points: Sequence[Point], kind: str, label: str = "", at: float | None = None) -> None:
        """A line through points in data units, labelled at its end or at the point nearest to ``at``."""
        if not points:
            return
        shown = thin(points, MOST_POINTS)
        path = "L".join(f"{x:g} {y:g}" for x, y in self.places(shown))
        self._marks.append(f'<path class="line {kind}" d="M{path}"/>')
        if label:
            where = points[-1] if at is None else min(points, key=lambda point: abs(point[0] - at))
            self.label(*where, label, kind, "end" if at is None else "start")

    def area(self, points: Sequence[Point], kind: str) -> None:
        """A line with all below it filled."""
        if not points:
            return
        shown = self.places(thin(points, MOST_POINTS))
        base = self.height - BOTTOM
        path = "L".join(f"{x:g} {y:g}" for x, y in shown)
        self._marks.append(
            f'<path class="area {kind}" d="M{shown[0][0]:g} {base:g}L{path}L{shown[-1][0]:g} {base:g}Z"/>'
        )
        self._marks.append(f'<path class="line {kind}" d="M{path}"/>')

    def band(self, low: Sequence[Point], high: Sequence[Point], kind: str) -> None:
        """The room between two lines."""
        if not low:
            return
        upper = self.places(thin(high, MOST_POINTS))
        lower = self.places(thin(low, MOST_POINTS)[::-1])
        path = "L".join(f"{x:g} {y:g}" for x, y in upper + lower)
        self._marks.append(f'<path class="band {kind}" d="M{path}Z"/>')

    def bars(self, bars: Iterable[tuple[float, float, float]], kind: str) -> None:
        """Bars (from, to, height) in data units, in one path."""
        shown = [bar for bar in bars if bar[2] > (self.y.low if self.y.log else 0)]
        tops = self.places([(start, height) for start, _, height in shown])
        ends = self.places([(stop, self.y.low) for _, stop, _ in shown])
        parts = [
            f"M{left:g} {base:g}V{top:g}H{right:g}V{base:g}Z"
            for (left, top), (right, base) in zip(tops, ends, strict=True)
        ]
        if parts:
            self._marks.append(f'<path class="bar {kind}" d="{"".join(parts)}"/>')

    def dots(self, points: Iterable[Point], kind: str) -> None:
        """Dots in one path; dots that fall onto each other are drawn once."""
        places = sorted(set(self.places(list(points))))
        if places:
            path = "".join(f"M{x:g} {y:g}h0" for x, y in places)
            self._marks.append(f'<path class="dot {kind}" d="{path}"/>')

    def limit_x(self, value: float, label: str, kind: str = "") -> None:
        """An upright reference line, labelled at its top, if at all; none where it lies outside."""
        if self.x.low <= value <= self.x.high:
            x, _ = self.at(value, self.y.low)
            self._marks.append(f'<path class="limit {kind}" d="M{x:g} {TOP:g}V{self.height - BOTTOM:g}"/>')
            side = "start" if self.x.share(value) < 0.5 else "end"
            if label:
                self._labels.append((x + (3 if side == "start" else -3), TOP + 8, label, f"of-limit {kind}", side))

    def limit_y(self, value: float, label: str, kind: str = "") -> None:
        """A level reference line, labelled at its left; none where it lies outside."""
        if self.y.low <= value <= self.y.high:
            _, y = self.at(self.x.low, value)
            self._marks.append(f'<path class="limit {kind}" d="M{LEFT:g} {y:g}H{WIDTH - RIGHT:g}"/>')
            self._labels.append((LEFT + 4, y - 3, label, f"of-limit {kind}", "start"))

    def place(self, x: float, y: float, name: str, here: bool) -> None:
        """A disc that marks where something would lie, named above."""
        across, down = self.at(x, y)
        self._marks.append(f'<circle class="place{" here" if here else ""}" cx="{across:g}" cy="{down:g}" r="15"/>')
        self._marks.append(text(across, down - 18, name, "tick", "middle"))

    def names_x(self, names: Sequence[tuple[float, str]]) -> None:
        """Names instead of numbers below the x axis, upright where there is no room."""
        room = (WIDTH - LEFT - RIGHT) / max(len(names), 1)
        upright = any(len(name) * NAME_LETTER > room for _, name in names)
        base = self.height - BOTTOM
        for x, name in names:
            across, _ = self.at(x, self.y.low)
            if upright:
                turn = f'transform="translate({across + 3:.1f} {base + 4:.1f}) rotate(-90)" text-anchor="end"'
            else:
                turn = f'x="{across:.1f}" y="{base + 13:.1f}" text-anchor="middle"'
            self._marks.append(f'<text {turn} class="tick">{escape(name)}</text>')

    def names_y(self, names: Sequence[tuple[float, str]]) -> None:
        """Names of rows, each inside the plot at its row's top left."""
        for y, name in names:
            _, down = self.at(self.x.low, y)
            self._marks.append(f'<path class="grid" d="M{LEFT:g} {down:g}H{WIDTH - RIGHT:g}"/>')
            self._marks.append(text(LEFT + 3, down + 10, name, "tick", "start"))

    def label(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        """A text at a point in data units, moved up or down where it would cover another."""
        across, down = self.at(x, y)
        self._labels.append((across, down - 4, text, f"label {kind}", anchor))

    def svg(self) -> str:
        """The drawing. Screen readers read title and description; the table behind the plot has the numbers."""
        inside = [self._grid(), *self._marks, *self._placed_labels()]
        return (
            f'<svg viewBox="0 0 {WIDTH:g} {self.height:g}" role="img" aria-label="{escape(self.title)}.'
            f' {escape(self.description)}">{"".join(inside)}</svg>'
        )

    def _grid(self) -> str:
        base, right = self.height - BOTTOM, WIDTH - RIGHT
        parts = []
        for value in self.y.ticks(5):
            _, y = self.at(self.x.low, value)
            parts.append(f'<path class="grid" d="M{LEFT:g} {y:g}H{right:g}"/>')
            parts.append(text(LEFT - 5, y + 3.5, self.y.format(value), "tick", "end"))
        for value in self.x.ticks(6):
            x, _ = self.at(value, self.y.low)
            parts.append(f'<path class="grid" d="M{x:g} {base:g}v4"/>')
            words = self.x.format(value)
            inside = min(x, WIDTH - 2 - len(words) * LETTER / 2)
            parts.append(text(inside, base + 14, words, "tick", "middle"))
        parts.append(f'<path class="axis" d="M{LEFT:g} {base:g}H{right:g}"/>')
        parts.append(text((LEFT + right) / 2, self.height - 5, self.x.label, "name", "middle"))
        parts.append(text(2, 11, self.y.label, "name", "start"))
        return "".join(parts)

    def _placed_labels(self) -> list[str]:
        """The labels, each where it covers no earlier one."""
        placed: list[tuple[float, float, float]] = []
        texts = []
        for x, y, words, kind, anchor in self._labels:
            width = len(words) * LETTER
            left = {"start": x, "end": x - width, "middle": x - width / 2}[anchor]
            left = min(max(left, LEFT), WIDTH - 2 - width)
            y = free_place(left, left + width, min(max(y, TOP + 8), self.height - BOTTOM - 4), placed)
            placed.append((left, left + width, y))
            texts.append(text(left, y, words, kind, "start"))
        return texts


def free_place(left: float, right: float, y: float, placed: Sequence[tuple[float, float, float]]) -> float:
    """The level nearest to ``y`` at which a label from ``left`` to ``right`` covers none of ``placed``."""
    for step in range(40):
        for candidate in (y + step * 3, y - step * 3):
            clear = all(
                right < other_left or left > other_right or abs(candidate - other) >= LABEL_GAP
                for other_left, other_right, other in placed
            )
            if clear and candidate > TOP:
                return round(candidate, 1)
    return y


def text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    """A text element."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{where}>{escape(words)}</text>'


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """At most about ``most`` of the points: of each stretch its lowest and its highest, and both ends."""
    if len(points) <= most:
        return list(points)
    edges = [round(k * len(points) / (most // 2)) for k in range(most // 2 + 1)]
    kept = {0, len(points) - 1}
    for start, stop in pairwise(edges):
        stretch = range(start, stop)
        kept |= {min(stretch, key=lambda k: points[k][1]), max(stretch, key=lambda k: points[k][1])}
    return [points[k] for k in sorted(kept)]
