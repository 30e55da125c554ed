"""Arrows point one way: cli -> run -> engine -> stages -> kernels (docs/architecture.md, invariant 8).

The syntax tree of every module is walked, so that imports inside functions count too.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the top of the house to its ground. A module imports from its own floor and from those below.
FLOORS = {
    "cli": ["gpucall.cli", "gpucall.__main__"],
    "run": [
        *("gpucall.run.*", "gpucall.demo", "gpucall.doctor", "gpucall.progress", "gpucall.process"),
        *("gpucall.explain", "gpucall.explain.*"),
    ],
    "api": ["gpucall"],
    "bench": ["gpucall.bench", "gpucall.bench.*"],
    "engine": ["gpucall.engine", "gpucall.quality", "gpucall.cohort", "gpucall.cohort.*"],
    "stream": ["gpucall.stream"],
    "stages": [
        *(
            "gpucall.backend",
            "gpucall.tiles",
            "gpucall.reads",
            "gpucall.pileup",
            "gpucall.candidates",
            "gpucall.assembly",
        ),
        *("gpucall.haplotypes", "gpucall.likelihoods", "gpucall.genotype", "gpucall.filters", "gpucall.outputs"),
        *("gpucall.calibration", "gpucall.paralogs", "gpucall.annotations", "gpucall.given", "gpucall.given.*"),
        *("gpucall.confidence", "gpucall.gvcf", "gpucall.gvcf_output", "gpucall.nonref"),
        *("gpucall.mito",),
        *("gpucall.io", "gpucall.io.*", "gpucall.qc", "gpucall.qc.*", "gpucall.ploidy", "gpucall.ploidy.*"),
        *("gpucall.report", "gpucall.report.*"),
    ],
    "kernels": ["gpucall.kernels", "gpucall.kernels.*"],
    "ground": ["gpucall.config", "gpucall.configuration", "gpucall.errors", "gpucall.machine"],
}

# Packages that may be imported in some places only.
ONLY_IN = {
    "pysam": ["gpucall.io.*", "gpucall.bench.*"],
    "cupy": ["gpucall.backend"],
    "cupyx": ["gpucall.backend"],
    "numba": ["gpucall.kernels.*", "gpucall.backend", "gpucall.bench.*"],
    "numba_cuda": ["gpucall.kernels.*", "gpucall.backend"],
    "typer": ["gpucall.cli"],
    "rich": ["gpucall.progress"],
}

KERNELS_MAY_IMPORT = {"numpy", "numba", "llvmlite"}  # llvmlite is what numba emits through
HEAVY = ("numpy", "numba", "pyarrow", "pysam", "cupy", "rich", "deflate", "scipy")


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# The folders behind the links are walked by their names inside the package.
FOLDERS = ("", "io", "qc", "ploidy", "report", "run", "cohort", "explain", "given", "kernels", "bench")
SOURCES = {_module_name(path): path for folder in FOLDERS for path in sorted((ROOT / "gpucall" / folder).glob("*.py"))}


def _absolute(node: ast.ImportFrom, module: str) -> str:
    """The module that ``from ... import`` names, with leading dots resolved."""
    if node.level == 0:
        return node.module or ""
    package = module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def _imports(module: str) -> Iterator[tuple[str, int]]:
    """Full name of every module that ``module`` imports, and the line."""
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            for alias in node.names:
                child = f"{base}.{alias.name}"
                if child != "gpucall.__version__":  # a constant that every floor may name
                    yield (child if child in SOURCES else base), node.lineno


def _floor(module: str) -> str | None:
    return next((floor for floor, names in FLOORS.items() if any(fnmatch(module, name) for name in names)), None)


def _height(module: str) -> int:
    """0: the ground; a module on no floor hangs above all."""
    floor = _floor(module)
    return len(FLOORS) - list(FLOORS).index(floor) - 1 if floor else len(FLOORS)


def _is_ours(name: str) -> bool:
    return name == "gpucall" or name.startswith("gpucall.")


def test_the_walk_sees_the_house() -> None:
    assert {"gpucall.kernels.jit", "gpucall.bench", "gpucall.cli", "gpucall.io", "gpucall.qc"} <= set(SOURCES)
    assert "gpucall.backend" in {name for name, _ in _imports("gpucall.doctor")}
    assert "gpucall.kernels.jit" in {name for name, _ in _imports("gpucall.kernels.probe")}


@pytest.mark.parametrize("module", SOURCES)
def test_every_module_has_a_floor(module: str) -> None:
    assert _floor(module), f"{module} is on no floor of tests/test_imports.py: say where it belongs"


@pytest.mark.parametrize("module", SOURCES)
def test_arrows_point_down(module: str) -> None:
    for name, line in _imports(module):
        if _is_ours(name):
            above = _height(name) > _height(module)
            assert not above, f"{SOURCES[module]}:{line}: {module} ({_floor(module)}) imports {name} ({_floor(name)})"


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("gpucall.kernels")])
def test_kernels_import_only_themselves(module: str) -> None:
    allowed = KERNELS_MAY_IMPORT | sys.stdlib_module_names
    for name, line in _imports(module):
        inside = name.startswith("gpucall.kernels")
        assert inside or name.split(".")[0] in allowed, f"{SOURCES[module]}:{line}: a kernel imports {name}"


@pytest.mark.parametrize("module", SOURCES)
def test_packages_stay_in_their_rooms(module: str) -> None:
    for name, line in _imports(module):
        rooms = ONLY_IN.get(name.split(".")[0], ["*"])
        assert any(fnmatch(module, room) for room in rooms), (
            f"{SOURCES[module]}:{line}: {name} may be imported by {', '.join(rooms)} only"
        )


@pytest.mark.parametrize("module", SOURCES)
def test_no_module_imports_the_links_targets_by_their_bare_names(module: str) -> None:
    for name, line in _imports(module):
        assert name.split(".")[0] not in ("kernels", "cli", "bench", "tests"), (
            f"{SOURCES[module]}:{line}: write gpucall.{name}, {name} would load a second copy"
        )


def test_kernels_were_not_loaded_under_a_bare_name() -> None:
    """In this process, whatever ran before: neither the package nor the tests say ``import kernels``."""
    assert "kernels" not in sys.modules
    assert "cli" not in sys.modules


def _modules_after(code: str) -> set[str]:
    """Names in ``sys.modules`` of a fresh Python, started in the root of the repository, after ``code``."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["gpucall", "gpucall.cli", "gpucall.__main__", "gpucall.errors"])
def test_importing_is_light(module: str) -> None:
    """``gpucall --help`` has no time for numba."""
    assert not _modules_after(f"import {module}") & set(HEAVY)


def test_all_modules_load_without_a_bare_name() -> None:
    loadable = [name for name in SOURCES if name != "gpucall.__main__" and not name.startswith("gpucall.bench.")]
    assert not _modules_after("\n".join(f"import {name}" for name in loadable)) & {"kernels", "cli", "bench"}
