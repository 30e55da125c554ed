"""Parquet out: the records of a VCF as columns, a row group for each stretch of the genome.

The table is made from the VCF's own lines and its header, so that it holds exactly what the VCF holds: a column for
each INFO and FORMAT key that the header declares, in its order. ``vcf_lines`` gives the lines back. docs/parquet.md
describes the columns.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..config import Tables
from ..errors import DiskError

SCHEMA_VERSION = 1
COLUMNS = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", "SAMPLE")
TEXT_BYTES = 1 << 20  # of lines that are turned into columns at once; no result depends on it
LONGEST_LINE = 64 << 20  # bytes
MISSING = "."

Header = Callable[[Iterable[str]], str]


@dataclass(frozen=True)
class Key:
    """An INFO or FORMAT key, as its header line declares it (VCF 4.3, sections 1.4.2 and 1.4.4)."""

    kind: str
    name: str
    number: str
    type: str
    description: str

    @property
    def column(self) -> str:
        """Its column's name: ``info_DP``, ``format_AD``."""
        return f"{self.kind.lower()}_{self.name}"

    @property
    def is_list(self) -> bool:
        """True where a record may have several values."""
        return self.number not in ("0", "1")


_LINE = re.compile(r'##(INFO|FORMAT)=<ID=([^,]+),Number=([^,]+),Type=([^,]+),Description="((?:[^"\\]|\\.)*)"')


def header_keys(header: str) -> list[Key]:
    """The INFO and FORMAT keys of a VCF header, in order; GT is none of them: it has columns of its own."""
    keys = [Key(*match) for match in _LINE.findall(header)]
    return [key for key in keys if (key.kind, key.name) != ("FORMAT", "GT")]


def table_schema(keys: Sequence[Key], about: dict[str, str]) -> Any:
    """The Arrow schema of records with some INFO and FORMAT keys; ``about`` is its metadata."""
    import pyarrow as pa

    kinds = {"Integer": pa.int32(), "Float": pa.float64(), "Flag": pa.bool_()}

    def field(key: Key) -> Any:
        one = kinds.get(key.type, pa.string())
        kind = pa.list_(one) if key.is_list else one
        return pa.field(key.column, kind, key.type != "Flag", {"description": key.description})

    fixed = [
        pa.field("contig", pa.string(), False, {"description": "CHROM"}),
        pa.field("position", pa.int32(), False, {"description": "POS: 1-based, of the first base of REF"}),
        pa.field("end", pa.int32(), False, {"description": "1-based last position: INFO END, else that of REF"}),
        pa.field("id", pa.string(), True, {"description": "ID"}),
        pa.field("ref", pa.string(), False, {"description": "REF"}),
        pa.field("alt", pa.list_(pa.string()), False, {"description": "ALT; empty: ."}),
        pa.field("qual", pa.float64(), True, {"description": "QUAL"}),
        pa.field("filter", pa.list_(pa.string()), False, {"description": "FILTER; empty: ."}),
    ]
    genotype = [
        pa.field("format", pa.string(), False, {"description": "FORMAT: the keys that the record has"}),
        pa.field("genotype", pa.list_(pa.int32()), False, {"description": "GT: allele numbers; null: ."}),
        pa.field("phased", pa.bool_(), False, {"description": "GT: | between the alleles"}),
    ]
    fields = [field(key) for key in keys if key.kind == "INFO"] + genotype
    return pa.schema([*fixed, *fields, *(field(key) for key in keys if key.kind == "FORMAT")], metadata=about)


# -- lines to columns --------------------------------------------------------------------------------------------------


def parse_lines(lines: bytes, schema: Any, keys: Sequence[Key]) -> Any:
    """VCF lines as a table of ``schema``.

    Raises
    ------
    ValueError
        for a key that the header does not declare.
    """
    import pyarrow as pa
    from pyarrow import compute, csv

    text = csv.read_csv(
        io.BytesIO(lines),
        csv.ReadOptions(use_threads=False, column_names=list(COLUMNS), block_size=LONGEST_LINE),
        csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False),
        csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS, pa.string()), null_values=[], strings_can_be_null=False),
    ).combine_chunks()
    fields = {name: _whole(text.column(name)) for name in COLUMNS}
    values = _info(fields["INFO"]) | _formats(fields["FORMAT"], fields["SAMPLE"])
    unknown = set(values) - {key.column for key in keys} - {"format_GT"}
    if unknown:
        raise ValueError(f"the VCF header does not declare {', '.join(sorted(unknown))}")
    size = len(text)
    columns = {key.column: _typed(values.get(key.column), key, schema.field(key.column).type, size) for key in keys}
    position = fields["POS"].cast(pa.int32())
    last = compute.add(position, compute.subtract(compute.utf8_length(fields["REF"]), 1)).cast(pa.int32())
    genotype = values["format_GT"]
    columns |= {
        "contig": fields["CHROM"],
        "position": position,
        "end": compute.coalesce(columns["info_END"], last) if "info_END" in columns else last,
        "id": _known(fields["ID"]),
        "ref": fields["REF"],
        "alt": _listed(fields["ALT"], ",", pa.string()),
        "qual": _known(fields["QUAL"]).cast(pa.float64()),
        "filter": _listed(fields["FILTER"], ";", pa.string()),
        "format": fields["FORMAT"],
        "genotype": _split(compute.replace_substring(genotype, "|", "/"), "/", pa.int32()),
        "phased": compute.match_substring(genotype, "|"),
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _whole(column: Any) -> Any:
    """A chunked column as one array."""
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays([pa.array([], pa.string()), *column.chunks])


def _known(values: Any) -> Any:
    """Strings with null for ``.``."""
    from pyarrow import compute

    return compute.if_else(compute.equal(values, MISSING), None, values)


def _split(values: Any, separator: str, kind: Any) -> Any:
    """Strings as lists; ``.`` in a list is null."""
    import pyarrow as pa
    from pyarrow import compute

    lists = compute.split_pattern(values, separator)
    return pa.ListArray.from_arrays(lists.offsets, _known(lists.values).cast(kind), mask=compute.is_null(values))


def _listed(values: Any, separator: str, kind: Any) -> Any:
    """Strings as lists; a string that is ``.`` is an empty list."""
    import pyarrow as pa
    from pyarrow import compute

    lists = compute.split_pattern(values, separator)
    kept = compute.not_equal(lists.values, MISSING)
    before = np.concatenate([[0], np.cumsum(kept.to_numpy(zero_copy_only=False))])
    offsets = before[lists.offsets.to_numpy()].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), lists.values.filter(kept).cast(kind))


def _typed(values: Any, key: Key, kind: Any, size: int) -> Any:
    """The texts of a key as its column; None: no record has it."""
    import pyarrow as pa
    from pyarrow import compute

    if key.type == "Flag":
        return pa.array(np.zeros(size, bool)) if values is None else compute.is_valid(values)
    if values is None:
        return pa.nulls(size, kind)
    return _split(values, ",", kind.value_type) if key.is_list else _known(values).cast(kind)


def _scatter(values: Any, rows: NDArray[np.int64], size: int) -> Any:
    """``values`` at some rows of a column, null elsewhere."""
    import pyarrow as pa

    index = np.full(size, -1, dtype=np.int64)
    index[rows] = np.arange(len(rows))
    return values.take(pa.array(index, mask=index < 0))


def _info(column: Any) -> dict[str, Any]:
    """The texts of every INFO key, by the name of its column; a flag's is its name."""
    from pyarrow import compute

    lists = compute.split_pattern(column, ";")
    row = compute.list_parent_indices(lists).to_numpy()
    pairs = compute.split_pattern(lists.values, "=", max_splits=1)
    starts, stops = pairs.offsets.to_numpy()[:-1], pairs.offsets.to_numpy()[1:]
    names, texts = pairs.values.take(starts), pairs.values.take(stops - 1)
    found = {}
    for name in names.unique().to_pylist():
        mine = compute.equal(names, name)
        if name != MISSING:
            rows = row[mine.to_numpy(zero_copy_only=False)]
            found[f"info_{name}"] = _scatter(texts.filter(mine), rows, len(column))
    return found


def _formats(formats: Any, samples: Any) -> dict[str, Any]:
    """The texts of every FORMAT key, by the name of its column."""
    import pyarrow as pa
    from pyarrow import compute

    parts: dict[str, list[tuple[Any, NDArray[np.int64]]]] = {}
    for keys in formats.unique().to_pylist():
        rows = np.flatnonzero(compute.equal(formats, keys).to_numpy(zero_copy_only=False))
        values = compute.split_pattern(samples.take(pa.array(rows)), ":").flatten()
        names = keys.split(":")
        for number, name in enumerate(names):
            taken = values.take(pa.array(np.arange(number, len(values), len(names))))
            parts.setdefault(f"format_{name}", []).append((taken, rows))
    return {
        name: _scatter(
            pa.concat_arrays([values for values, _ in each]), np.concatenate([rows for _, rows in each]), len(formats)
        )
        for name, each in parts.items()
    }


# -- writing -----------------------------------------------------------------------------------------------------------


class TableWriter:
    """Writes a VCF's lines as Parquet.

    A row group holds records of one contig that start in one aligned bin of ``2**bin_bits`` bp, so that a query by
    contig and position reads only the groups whose statistics overlap it. A bin with more than ``Tables.most_rows``
    records gets several. Neither the sizes of the ``write`` calls nor threads change a byte. Memory: a row group.

    ``header`` makes the VCF's header, given ``##`` lines that are known only after the last record. ``content`` is
    ``variants`` or ``gvcf``.
    """

    def __init__(self, path: Path, header: Header, sample: str, content: str, settings: Tables) -> None:
        from pyarrow import parquet

        self.path = path
        self._settings = settings
        self._header = header
        self._keys = header_keys(header(()))
        about = {
            "gpucall.content": content,
            "gpucall.schema_version": str(SCHEMA_VERSION),
            "gpucall.version": __version__,
            "gpucall.sample": sample,
            "gpucall.bin_bits": str(settings.bin_bits),
        }
        self._schema = table_schema(self._keys, about)
        self._lines: list[bytes] = []
        self._bytes = 0
        self._rows: list[Any] = []  # tables of the bin that is open
        self._bin: tuple[str, int] | None = None
        try:
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115  (closed by close or abort; errors stay Python's)
        except OSError as error:
            raise DiskError(f"{path}: cannot be written: {error.strerror or error}") from error
        self._out = parquet.ParquetWriter(
            self._file,
            self._schema,
            version="2.6",
            compression=settings.compression,
            sorting_columns=[parquet.SortingColumn(self._schema.get_field_index("position"))],
        )

    def write(self, lines: str) -> None:
        """Append records, in order."""
        self.write_bytes(lines.encode())

    def write_bytes(self, lines: bytes) -> None:
        """Append records that are already encoded, in order."""
        self._lines.append(lines)
        self._bytes += len(lines)
        if self._bytes >= TEXT_BYTES:
            self._take()

    def close(self, lines: Iterable[str] = ()) -> Path:
        """Write what is left, with more whole ``##`` lines in the VCF header that the table carries."""
        self._take()
        self._flush()
        self._out.add_key_value_metadata({"gpucall.vcf_header": self._header(lines)})
        self._out.close()
        self._file.close()
        return self.path

    def abort(self) -> None:
        """Stop; the file is not whole."""
        self._lines, self._rows = [], []
        with suppress(OSError, ValueError):  # what made us stop is raised already, and nobody will read this file
            self._out.close()
        self._file.close()

    def _take(self) -> None:
        """Turn the lines so far into columns, bin by bin."""
        text, self._lines, self._bytes = b"".join(self._lines), [], 0
        if not text:
            return
        table = parse_lines(text, self._schema, self._keys)
        contig = table.column("contig").combine_chunks().dictionary_encode()
        code, names = contig.indices.to_numpy(), contig.dictionary.to_pylist()
        number = table.column("position").to_numpy() - 1 >> self._settings.bin_bits
        cuts = np.flatnonzero((np.diff(code) != 0) | (np.diff(number) != 0)) + 1
        for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(table)], strict=True):
            place = names[code[start]], int(number[start])
            if place != self._bin:
                self._flush()
            self._bin = place
            self._rows.append(table.slice(start, stop - start))

    def _flush(self) -> None:
        """Write the bin that is open."""
        import pyarrow as pa

        if not self._rows:
            return
        table, self._rows = pa.concat_tables(self._rows).combine_chunks(), []
        for start in range(0, len(table), self._settings.most_rows):
            self._out.write_table(table.slice(start, self._settings.most_rows), self._settings.most_rows)


# -- back to lines -----------------------------------------------------------------------------------------------------


def vcf_header(path: str | Path) -> str:
    """The VCF header of a table that ``TableWriter`` wrote."""
    from pyarrow import parquet

    header: bytes = parquet.read_metadata(path).metadata[b"gpucall.vcf_header"]
    return header.decode()


def vcf_lines(path: str | Path) -> Iterator[str]:
    """The VCF lines of a table that ``TableWriter`` wrote, a row group at a time."""
    from pyarrow import parquet

    keys = header_keys(vcf_header(path))
    with parquet.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for row in file.read_row_group(group).to_pylist():
                yield _line(row, keys)


def _line(row: dict[str, Any], keys: Sequence[Key]) -> str:
    info = (_info_text(key, row[key.column]) for key in keys if key.kind == "INFO")
    values = {key.name: _text(row[key.column]) for key in keys if key.kind == "FORMAT"}
    values["GT"] = ("|" if row["phased"] else "/").join(map(_text, row["genotype"]))
    columns = (
        row["contig"],
        str(row["position"]),
        row["id"] or MISSING,
        row["ref"],
        ",".join(row["alt"]) or MISSING,
        MISSING if row["qual"] is None else f"{row['qual']:.2f}",
        ";".join(row["filter"]) or MISSING,
        ";".join(filter(None, info)) or MISSING,
        row["format"],
        ":".join(values[name] for name in row["format"].split(":")),
    )
    return "\t".join(columns) + "\n"


def _info_text(key: Key, value: Any) -> str:
    if key.type == "Flag":
        return key.name if value else ""
    return "" if value is None else f"{key.name}={_text(value)}"


def _text(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
