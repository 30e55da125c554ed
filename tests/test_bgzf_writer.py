"""bgzf_writer: valid BGZF for every reader, and the same bytes for any threads and any write sizes."""

import gzip
import os
import struct
import subprocess

import numpy as np
import pysam
import pytest

from gpucall.errors import DiskError, UsageError
from gpucall.io.bgzf_writer import BLOCK_BYTES, EOF_BLOCK, JOB_BYTES, BgzfWriter

from .conftest import peer


def some_bytes(size, seed=1):
    """Half compressible, half not."""
    random = np.random.default_rng(seed)
    data = random.integers(0, 256, size, dtype=np.uint8)
    data[: size // 2] &= 3
    return data.tobytes()


def written(path, data, **options):
    with BgzfWriter(path, **options) as out:
        out.write(data)
    return path.read_bytes()


def blocks_of(raw):
    """(file offset, uncompressed size) of each block, by the BC subfield and the footer alone."""
    offset = 0
    while offset < len(raw):
        assert raw[offset : offset + 4] == b"\x1f\x8b\x08\x04"
        assert raw[offset + 12 : offset + 16] == b"BC\x02\x00"
        size = struct.unpack_from("<H", raw, offset + 16)[0] + 1
        yield offset, struct.unpack_from("<I", raw, offset + size - 4)[0]
        offset += size
    assert offset == len(raw)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, JOB_BYTES, 3 * JOB_BYTES + 7])
@pytest.mark.parametrize("threads", [1, 2])
def test_readers_get_the_bytes_back(tmp_path, size, threads):
    data = some_bytes(size)
    raw = written(tmp_path / "x.gz", data, threads=threads)
    assert gzip.decompress(raw) == data
    with pysam.BGZFile(str(tmp_path / "x.gz")) as file:
        assert file.read() == data
    assert raw.endswith(EOF_BLOCK)


def test_blocks_are_full_and_end_with_the_eof_block(tmp_path):
    sizes = [size for _, size in blocks_of(written(tmp_path / "x.gz", some_bytes(JOB_BYTES + BLOCK_BYTES + 5)))]
    assert sizes == [BLOCK_BYTES] * 17 + [5, 0]


@pytest.mark.parametrize("level", [1, 6, 12])
def test_incompressible_input_fits_its_blocks(tmp_path, level):
    data = os.urandom(2 * BLOCK_BYTES)
    assert gzip.decompress(written(tmp_path / "x.gz", data, level=level)) == data


def test_same_bytes_for_any_threads_and_write_sizes(tmp_path):
    data = some_bytes(2 * JOB_BYTES + 99_999)
    once = written(tmp_path / "once.gz", data, threads=1)
    assert written(tmp_path / "threads.gz", data, threads=3) == once
    with BgzfWriter(tmp_path / "pieces.gz", threads=2) as out:
        for start in range(0, len(data), 77_777):
            assert out.write(memoryview(data)[start : start + 77_777]) == len(data[start : start + 77_777])
    assert (tmp_path / "pieces.gz").read_bytes() == once


def test_levels_differ(tmp_path):
    data = np.random.default_rng(1).choice(np.frombuffer(b"ACGT", np.uint8), 100_000).tobytes()
    assert len(written(tmp_path / "12.gz", data, level=12)) < len(written(tmp_path / "1.gz", data, level=1))


def test_numpy_arrays_are_taken_whole(tmp_path):
    values = np.arange(1000, dtype=np.int32)
    assert gzip.decompress(written(tmp_path / "x.gz", values)) == values.tobytes()


def test_virtual_offsets_seek_to_their_byte(tmp_path):
    data = some_bytes(3 * BLOCK_BYTES + 10)
    with BgzfWriter(tmp_path / "x.gz", threads=2) as out:
        out.write(data)
    with pysam.BGZFile(str(tmp_path / "x.gz")) as file:
        for offset in (0, 1, BLOCK_BYTES, 2 * BLOCK_BYTES + 17):
            file.seek(out.virtual_offset(offset))
            assert file.read(10) == data[offset : offset + 10]


def test_block_starts_are_the_files(tmp_path):
    with BgzfWriter(tmp_path / "x.gz") as out:
        out.write(some_bytes(5 * BLOCK_BYTES + 1))
    assert list(out.block_starts()) == [offset for offset, _ in blocks_of((tmp_path / "x.gz").read_bytes())]


def cut_short(path):
    with BgzfWriter(path, threads=2) as out:
        out.write(some_bytes(2 * JOB_BYTES))
        raise RuntimeError


def test_an_exception_leaves_no_eof_block(tmp_path):
    with pytest.raises(RuntimeError):
        cut_short(tmp_path / "x.gz")
    assert not (tmp_path / "x.gz").read_bytes().endswith(EOF_BLOCK)


def test_close_twice_is_once_and_write_after_close_is_refused(tmp_path):
    out = BgzfWriter(tmp_path / "x.gz", threads=2)
    out.close()
    out.close()
    assert (tmp_path / "x.gz").read_bytes() == EOF_BLOCK
    with pytest.raises(ValueError, match="is closed"):
        out.write(b"late")


@pytest.mark.parametrize("options", [{"level": 0}, {"level": 13}, {"threads": 0}])
def test_options_out_of_range(tmp_path, options):
    with pytest.raises(UsageError):
        BgzfWriter(tmp_path / "x.gz", **options)
    assert not (tmp_path / "x.gz").exists()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DiskError, match=r"missing/x\.gz: cannot be written: No such file"):
        BgzfWriter(tmp_path / "missing" / "x.gz")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here: a full disk cannot be shown")
@pytest.mark.parametrize("threads", [1, 2])
def test_a_full_disk(threads):
    with pytest.raises(DiskError, match="No space left"), BgzfWriter("/dev/full", threads=threads) as out:
        out.write(os.urandom(4 * JOB_BYTES))


def test_bgzip_accepts_it(tmp_path):
    written(tmp_path / "x.gz", some_bytes(JOB_BYTES + 1), threads=2)
    subprocess.run([peer("bgzip"), "--test", tmp_path / "x.gz"], check=True)
