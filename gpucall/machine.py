"""What this process may use of the machine it runs on: cores and memory, with container limits respected.

A container sees its host's cores and memory in the usual places; what it may use stands in its control group
(cgroup v2: ``cpu.max``, ``memory.max``; v1: ``cpu.cfs_quota_us``, ``memory.limit_in_bytes``).
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
SELF_CGROUP = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")


def _text(path: Path) -> str:
    """The file's text, or nothing where the file cannot be read (not Linux, or the limit is not set)."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _groups(controller: str) -> Iterator[Path]:
    """This process's control group for ``controller``, then its parents: a limit on any of them holds."""
    for line in _text(SELF_CGROUP).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        group = root / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder == root or root in folder.parents)


def _core_quota(group: Path) -> float:
    """CPU seconds per second that the group may use; infinite without a limit."""
    quota, _, period = _text(group / "cpu.max").partition(" ")
    if not quota:
        quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    if quota in ("", "max", "-1") or not period:
        return math.inf
    return int(quota) / int(period)


def cores() -> int:
    """Cores that this process may use: its affinity mask, cut to its control group's quota (rounded up)."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = min((_core_quota(group) for group in _groups("cpu")), default=math.inf)
    return affinity if quota == math.inf else max(1, min(affinity, math.ceil(quota)))


def _numbers(path: Path) -> dict[str, int]:
    """A file of ``name value`` lines, such as /proc/meminfo or memory.stat."""
    rows = (line.replace(":", " ").split() for line in _text(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdigit()}


def _physical_memory() -> tuple[int, int]:
    """Bytes of memory in the machine, and how many can be had without swapping."""
    info = _numbers(MEMINFO)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total, info.get("MemAvailable", total // 1024) * 1024


def _group_memory(group: Path) -> tuple[float, float]:
    """Bytes that the group may hold, and what is left of them; infinite without a limit.

    Pages of files that were read and are not in use count as left: the kernel drops them first.
    """
    stat = _numbers(group / "memory.stat")
    droppable = stat.get("total_inactive_file", stat.get("inactive_file", 0))
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, used = _text(group / limit_name), _text(group / used_name)
        if limit.isdigit() and used.isdigit():
            return int(limit), max(0, int(limit) - int(used) + droppable)
    return math.inf, math.inf


def memory() -> tuple[int, int]:
    """Bytes of memory that this process may use, and how many of them are free now."""
    rooms = [_physical_memory(), *map(_group_memory, _groups("memory"))]
    return int(min(total for total, _ in rooms)), int(min(free for _, free in rooms))


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc, malloc.h
LARGEST = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Have the C library use freed memory again instead of giving it back and taking fresh pages, batch after batch.

    A setting of the whole process, so for programs, not libraries. Where the C library is not glibc, nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_MMAP_THRESHOLD, 1 << 30)
    mallopt(M_TRIM_THRESHOLD, LARGEST)
