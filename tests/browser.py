"""A headless Chromium that opens our pages, and what a test asks of a page in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.pictures import open_browser, show
from tests.conftest import ROOT, missing_peer, peer

AXE = ROOT / "node_modules/axe-core/axe.min.js"
WIDTHS = (390, 1280)
# Every plot: what it is called, where it lies, and whether anything is drawn in it.
PLOTS = """
return [...document.querySelectorAll('svg[role=img]')].map(svg => {
  const box = svg.getBoundingClientRect();
  const marks = [...svg.querySelectorAll('.line,.area,.bar,.dot')].filter(mark => {
    const size = mark.getBBox();
    return mark.getAttribute('d').length > 3 && Number.isFinite(size.x + size.y + size.width + size.height);
  });
  const outside = [...svg.querySelectorAll('path,text,circle')].filter(mark => {
    const size = mark.getBoundingClientRect();
    return size.left < box.left - 2 || size.right > box.right + 2
        || size.top < box.top - 2 || size.bottom > box.bottom + 2;
  });
  return {name: svg.getAttribute('aria-label'), left: box.left, right: box.right, width: box.width, height: box.height,
          marks: marks.length, bad: svg.outerHTML.includes('NaN') || svg.outerHTML.includes('Infinity'),
          outside: outside.map(mark => mark.outerHTML.slice(0, 120))};
});
"""
# Text lies on text where the boxes of two labels of a plot share more than a sliver.
COLLISIONS = """
return [...document.querySelectorAll('svg[role=img]')].flatMap(svg => {
  const labels = [...svg.querySelectorAll('text.label,text.of-limit')]
      .map(label => [label.textContent, label.getBoundingClientRect()]);
  return labels.flatMap(([name, a], i) => labels.slice(i + 1).filter(([, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5
  ).map(([other]) => `${svg.getAttribute('aria-label').slice(0, 40)}: ${name} / ${other}`));
});
"""


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """A Chromium with an empty profile in ``folder``; a skipped test where there is none."""
    with open_browser(folder, peer("chromium"), peer("chromedriver")) as driver:
        yield driver


def requests(driver: Any) -> list[str]:
    """Addresses that the page asked for since the last look."""
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]


def check_page(driver: Any, page: Path, width: int, scheme: str, plots: int) -> None:
    """Nothing loaded but the page, no error said, every plot drawn and inside the window, no text upon text."""
    driver.get_log("performance")
    show(driver, page, width, scheme)
    assert driver.get_log("browser") == []
    assert [url for url in requests(driver) if url.startswith(("file:", "http"))] == [page.as_uri()]
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = driver.execute_script(PLOTS)
    assert len(drawn) == plots, [plot["name"] for plot in drawn]
    for plot in drawn:
        assert plot["width"] > 200, plot
        assert plot["height"] > 50, plot
        assert plot["left"] >= 0, plot
        assert plot["right"] <= width, plot
        assert plot["marks"] > 0, plot
        assert not plot["bad"], plot
        assert not plot["outside"], plot
    assert driver.execute_script(COLLISIONS) == []


def accessibility_faults(driver: Any) -> list[str]:
    """What axe finds in the page that is open (WCAG 2.2 A and AA, best practices)."""
    if not AXE.is_file():
        missing_peer(f"peer axe-core is not installed (npm install --no-save --prefix {ROOT.name} axe-core, in {ROOT})")
    driver.execute_script(AXE.read_text(encoding="utf-8"))
    found = driver.execute_async_script("const done = arguments[0]; axe.run(document).then(done)")
    return [
        f"{fault['id']} ({fault['impact']}): {fault['help']}: {fault['nodes'][0]['html'][:160]}"
        for fault in found["violations"]
    ]
