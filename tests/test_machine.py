"""Cores and memory, with the limits of control groups written as the kernel writes them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from gpucall import machine

GIB = 1 << 30


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cgroup tree, in which this process is in group ``job/step``."""
    (tmp_path / "self").write_text("0::/job/step\n")
    (tmp_path / "meminfo").write_text("MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    (tmp_path / "cgroup/job/step").mkdir(parents=True)
    monkeypatch.setattr(machine, "SELF_CGROUP", tmp_path / "self")
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 4 << 20}.__getitem__)
    return tmp_path / "cgroup"


def test_without_limits_it_is_the_machine(groups: Path) -> None:
    assert machine.cores() == 8
    assert machine.memory() == (16 * GIB, 8 * GIB)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8), ("6400000 100000", 8)],
)
def test_a_quota_cuts_the_cores(groups: Path, quota: str, cores: int) -> None:
    (groups / "job/step/cpu.max").write_text(f"{quota}\n")
    assert machine.cores() == cores


def test_the_tightest_of_nested_groups_holds(groups: Path) -> None:
    (groups / "job/cpu.max").write_text("300000 100000\n")
    (groups / "job/step/cpu.max").write_text("max 100000\n")
    (groups / "job/memory.max").write_text(f"{4 * GIB}\n")
    (groups / "job/memory.current").write_text(f"{1 * GIB}\n")
    (groups / "job/step/memory.max").write_text("max\n")
    (groups / "job/step/memory.current").write_text(f"{1 * GIB}\n")
    assert machine.cores() == 3
    assert machine.memory() == (4 * GIB, 3 * GIB)


def test_pages_of_files_count_as_free(groups: Path) -> None:
    (groups / "job/step/memory.max").write_text(f"{4 * GIB}\n")
    (groups / "job/step/memory.current").write_text(f"{3 * GIB}\n")
    (groups / "job/step/memory.stat").write_text(f"anon {GIB}\nfile {2 * GIB}\ninactive_file {2 * GIB}\n")
    assert machine.memory() == (4 * GIB, 3 * GIB)


def test_version_1_of_control_groups(groups: Path) -> None:
    (groups.parent / "self").write_text("4:memory:/box\n3:cpu,cpuacct:/box\n1:name=systemd:/\n0::/\n")
    for controller in ("memory", "cpu"):
        (groups / controller / "box").mkdir(parents=True)
    (groups / "cpu/box/cpu.cfs_quota_us").write_text("400000\n")
    (groups / "cpu/box/cpu.cfs_period_us").write_text("100000\n")
    (groups / "memory/box/memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    (groups / "memory/box/memory.usage_in_bytes").write_text(f"{GIB}\n")
    (groups / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")  # how v1 says: no limit
    (groups / "memory/memory.usage_in_bytes").write_text(f"{GIB}\n")
    assert machine.cores() == 4
    assert machine.memory() == (2 * GIB, GIB)


def test_a_container_that_cannot_see_its_own_group(groups: Path) -> None:
    """Without a cgroup namespace the path is the host's; the container's root then holds the limits."""
    (groups.parent / "self").write_text("0::/host/docker/4711\n")
    (groups / "cpu.max").write_text("200000 100000\n")
    assert machine.cores() == 2


def test_this_machine() -> None:
    total, free = machine.memory()
    assert 1 <= machine.cores() <= (os.cpu_count() or 1)
    assert 0 < free <= total <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


RUN_AGAIN = """
import resource, sys
import numpy as np
from gpucall import machine

if sys.argv[1] == "keep":
    machine.keep_freed_memory()
first = np.ones(24 << 20, dtype=np.uint8)
del first
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
second = np.ones(24 << 20, dtype=np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def test_freed_memory_is_used_again() -> None:
    """A second array of a batch's size costs no page faults; where it does anyway, the C library is not glibc."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("only glibc has this setting")

    def faults(mode: str) -> int:
        run = subprocess.run([sys.executable, "-c", RUN_AGAIN, mode], capture_output=True, text=True, check=True)
        return int(run.stdout)

    assert faults("keep") < 100
    assert faults("keep") <= faults("give back")
