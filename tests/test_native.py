"""``kernels.native``: machine code kept on disk is what was compiled, for the types that it was compiled for."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucall.kernels import jit, native
from gpucall.kernels.jit import cpu_loop, shared


class Pair(NamedTuple):
    """Two arrays, as columns are passed."""

    first: Any
    second: Any


@shared
def twice(value: Any) -> Any:
    """A function that loops call."""
    return value * 2


def add_up(values: Any, pair: Any, factor: Any, flag: Any) -> Any:
    total = np.int64(0)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            total += twice(values[i, j]) * factor
    pair.second[0] = np.int64(pair.first[0]) + flag
    return total, pair.first.shape[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def arguments(dtype: Any = np.int32) -> tuple[Any, ...]:
    values = np.arange(24, dtype=dtype).reshape(4, 6)
    return values, Pair(np.array([40, 1, 2], dtype=np.uint8), np.zeros(1, dtype=np.int64)), 3, True


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.int64])
def test_result_is_pythons(folder: Path, dtype: Any) -> None:
    here = arguments(dtype)
    assert cpu_loop(add_up)(*here) == add_up(*arguments(np.int64))
    assert here[1].second[0] == 41


def test_arrays_that_are_not_contiguous(folder: Path) -> None:
    values, *others = arguments(np.int64)
    assert cpu_loop(add_up)(values[::2, ::3], *others) == add_up(values[::2, ::3], *others)
    assert cpu_loop(add_up)(values.T, *others) == add_up(values.T, *others)


def test_numbers_keep_their_width_and_sign(folder: Path) -> None:
    @cpu_loop
    def numbers(big: Any, small: Any, real: Any, out: Any) -> Any:
        out[0] = big >> np.uint64(60)
        return small - 1, np.int64(real * 4)

    out = np.zeros(1, dtype=np.uint64)
    assert numbers(np.uint64(0xF << 60), np.int32(-7), 2.5, out) == (-8, 10)
    assert out[0] == 15


def test_code_is_kept_for_the_next_process(folder: Path) -> None:
    first, second = cpu_loop(add_up), cpu_loop(add_up)
    assert first(*arguments()) == second(*arguments())
    assert (first.compiled, first.loaded, second.compiled, second.loaded) == (1, 0, 0, 1)  # type: ignore[attr-defined]


def test_other_types_are_other_code(folder: Path) -> None:
    loop = cpu_loop(add_up)
    loop(*arguments(np.int32))
    loop(*arguments(np.uint16))
    assert loop.compiled == 2  # type: ignore[attr-defined]
    assert len(list(folder.glob("*.o"))) == 2


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 4000])
def test_damaged_code_is_compiled_anew(folder: Path, damage: bytes) -> None:
    cpu_loop(add_up)(*arguments())
    [path] = folder.glob("*.o")
    path.write_bytes(damage)
    loop = cpu_loop(add_up)
    assert loop(*arguments()) == add_up(*arguments(np.int64))
    assert loop.compiled == 1  # type: ignore[attr-defined]
    assert native.kept(path) is not None


def test_no_place_to_keep_code_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert cpu_loop(add_up)(*arguments()) == add_up(*arguments(np.int64))


def test_kept_code_is_the_owners(folder: Path) -> None:
    cpu_loop(add_up)(*arguments())
    [path] = folder.glob("*.o")
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o022 == 0


def test_what_a_loop_cannot_take_is_said(folder: Path) -> None:
    with pytest.raises(TypeError, match="not str"):
        cpu_loop(add_up)("text")


def test_digest_follows_imports() -> None:
    kernels = Path(jit.__file__).parent
    names = {Path(path).name for path in jit._imported(os.path.realpath(kernels / "pairhmm.py"))}
    assert {"pairhmm.py", "lanes.py", "records.py", "jit.py", "native.py"} <= names
    assert {"lanes_cpu.py", "bits_cpu.py"} <= names, "what is imported inside functions counts, too"
    assert "depth.py" not in names


@given(st.integers(0, 40), st.integers(0, 5), st.integers(1, 3))
def test_addresses_are_numpys(size: int, start: int, step: int) -> None:
    array = np.zeros(size, dtype=np.int32)[start::step]
    assert native.address(array) == array.ctypes.data


def test_kinds_tell_types_apart() -> None:
    def described(*values: Any) -> str:
        kinds: list[Any] = []
        for value in values:
            native.lay_out(value, kinds, [])
        return native.describe(tuple(kinds))

    array = np.zeros(3, dtype=np.int32)
    readonly = array.copy()
    readonly.flags.writeable = False
    seen = [
        described(value) for value in (1, 1 << 63, 1.0, True, np.uint8(1), array, array[::2], readonly, (1,), (1, 1))
    ]
    assert len(set(seen)) == len(seen)
