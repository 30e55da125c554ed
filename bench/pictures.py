"""pictures: the pictures of the reports in docs/pictures, from a simulated sample and a made-up cohort.

    python -m gpucall.bench.pictures                # needs chromium, chromedriver, and selenium from gpucall[dev]

``open_browser`` and ``show`` also serve the tests that look at the pages.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gpucall.config import Reporting
from gpucall.engine import call
from gpucall.errors import GpucallError, UsageError
from gpucall.report.cohort import write_report

from .cohorts import make
from .simulate import simulate

FOLDER = Path(__file__).resolve().parent.parent / "docs/pictures"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SAMPLE: dict[str, Any] = {"length": 400_000, "contigs": 4, "depth": 34.0, "seed": 3, "sample": "NA00001"}
COHORT = 120  # samples
SCALE = 0.75  # of the pictures, so that they stay small

# Name: page, width, light or dark, first and last row of the page that are shown.
PICTURES = {
    "report": ("sample", 1280, "light", 0, 2500),
    "report.dark": ("sample", 390, "dark", 0, 1500),
    "cohort": ("cohort", 1280, "light", 0, 1700),
}


@contextmanager
def open_browser(folder: Path, chromium: str, chromedriver: str) -> Iterator[Any]:
    """A Chromium with an empty profile in ``folder``, that keeps what its console says and what it asks for."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    try:
        yield driver
    finally:
        driver.quit()


def show(driver: Any, page: Path, width: int, scheme: str) -> None:
    """Open a page in a window of a width, light or dark."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())


def take(driver: Any, path: Path, width: int, top: int, bottom: int) -> None:
    """Write rows ``top`` to ``bottom`` of the page that is open, or to its end, as PNG."""
    end = min(bottom, driver.execute_script("return document.documentElement.scrollHeight"))
    clip = {"x": 0, "y": top, "width": width, "height": end - top, "scale": SCALE}
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(taken["data"]))


def make_pages(folder: Path) -> dict[str, Path]:
    """A simulated sample's page, and a made-up cohort's."""
    made = simulate(folder / "sample", **SAMPLE)
    reporting = Reporting("site", "NovaSeq X", "run 7")
    result = call(made.bam, made.reference, folder / "out", device="cpu", reporting=reporting)
    cohort = write_report([make(folder / "cohort", COHORT)], folder / "page")
    return {"sample": result.files["report"], "cohort": cohort.files["report"]}


def needed(tool: str) -> str:
    """Path of a tool.

    Raises
    ------
    UsageError
    """
    path = shutil.which(tool)
    if path is None:
        raise UsageError(f"pictures: {tool} is not installed (Debian: apt-get install chromium chromium-driver)")
    return path


def run(out: Path) -> list[Path]:
    """Make all pictures; where they are."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    with tempfile.TemporaryDirectory() as name:
        pages = make_pages(Path(name))
        with open_browser(Path(name), needed("chromium"), needed("chromedriver")) as driver:
            for picture, (page, width, scheme, top, bottom) in PICTURES.items():
                show(driver, pages[page], width, scheme)
                paths.append(out / f"{picture}.png")
                take(driver, paths[-1], width, top, bottom)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pictures of the docs."""
    parser = argparse.ArgumentParser(prog="pictures", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the pictures (default: docs/pictures)")
    try:
        paths = run(parser.parse_args(arguments).out)
    except GpucallError as error:
        print(f"pictures: error: {error}", file=sys.stderr)
        return error.exit_code
    for path in paths:
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
