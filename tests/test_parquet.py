"""Our own small Parquet files, as other programs read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.io.parquet import integer, varint, write_parquet

TEXTS = st.one_of(st.none(), st.text(max_size=30))
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False))


def read(path: Path) -> dict[str, list[Any]]:
    return pq.read_table(path).to_pydict()  # type: ignore[no-any-return]


def lists(n: int) -> st.SearchStrategy[tuple[list[Any], list[Any]]]:
    """A column of texts and one of numbers, both of length ``n``."""
    return st.tuples(st.lists(TEXTS, min_size=n, max_size=n), st.lists(NUMBERS, min_size=n, max_size=n))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200).flatmap(lists))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, columns: tuple[Any, Any]) -> None:
    path = tmp_path_factory.mktemp("p") / "t.parquet"
    write_parquet(path, {"name": columns[0], "value": columns[1]}, ["name"], {})
    assert read(path) == {"name": columns[0], "value": columns[1]}


def test_types_order_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    columns = {f"c{number}": [None, 1.5 * number] for number in range(40)} | {"é": ["ü", None]}
    write_parquet(path, columns, ["é"], {"gpucall.schema": "1"})
    table = pq.read_table(path)
    assert table.column_names == list(columns)
    assert table.schema.field("é").type == pa.string()
    assert table.schema.field("c3").type == pa.float64()
    assert table.schema.metadata[b"gpucall.schema"] == b"1"
    assert table.to_pydict() == columns


def test_polars_reads_it(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = tmp_path / "t.parquet"
    write_parquet(path, {"a": ["x", None, "y"], "b": [1.0, 2.0, None]}, ["a"], {})
    assert polars.read_parquet(path).to_dict(as_series=False) == {"a": ["x", None, "y"], "b": [1.0, 2.0, None]}


def test_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_parquet(path, {"a": [], "b": []}, ["a"], {})
    assert read(path) == {"a": [], "b": []}


@pytest.mark.parametrize(("value", "encoded"), [(0, b"\x00"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_varint(value: int, encoded: bytes) -> None:
    assert varint(value) == encoded


@pytest.mark.parametrize(("value", "encoded"), [(0, b"\x00"), (-1, b"\x01"), (1, b"\x02"), (-2, b"\x03")])
def test_zigzag(value: int, encoded: bytes) -> None:
    assert integer(value) == encoded
