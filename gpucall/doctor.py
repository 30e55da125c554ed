"""doctor: what this machine can do, and the one line that installs what is missing.

Everything is looked up from outside (``/proc``, the driver's library, the packages' metadata), so that a broken
installation can be examined too; the last word on a device is the probe kernel's, compiled and run there.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from gpucall import __version__, machine
from gpucall.errors import GpucallError, NoUsableDevice

LIBRARIES = ("numpy", "numba", "pysam", "pyarrow", "deflate", "typer", "rich", "scipy")
CUDA_LIBRARIES = ("numba-cuda", "cupy-cuda12x", "cupy-cuda13x")
DRIVER_LIBRARY = "libcuda.so.1"
DRIVER_VERSION = Path("/proc/driver/nvidia/version")
OLDEST_CUDA = 12  # the oldest toolkit generation that the extras of pyproject.toml serve
NEWEST_CUDA = 13
PROBED = 100  # numbers that the probe kernel works on

# Attributes of cuDeviceGetAttribute (CUdevice_attribute in cuda.h).
COMPUTE_CAPABILITY_MAJOR = 75
COMPUTE_CAPABILITY_MINOR = 76


@dataclass(frozen=True, slots=True)
class Gpu:
    """One card, as the driver names it. Memory in bytes; compute capability such as ``9.0``."""

    name: str
    memory: int
    compute_capability: str


@dataclass(frozen=True, slots=True)
class Driver:
    """The NVIDIA driver: its version, the newest CUDA that it runs, and its cards. Empty where there is none."""

    version: str | None = None
    cuda: str | None = None
    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """Whether ``--device NAME`` works here; if not, why, and the one line that mends it where one does."""

    name: str
    usable: bool
    detail: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What ``gpucall doctor`` found. Sizes in bytes; a library that is not installed has no version."""

    gpucall: str
    python: str
    system: str
    cores: int
    memory: int
    memory_free: int
    disk_free: dict[str, int]
    driver: Driver
    libraries: dict[str, str | None]
    cache: str
    devices: tuple[Device, ...]


class _DriverCalls:
    """The few functions of the driver's C library that are needed; each returns an error code, 0 for success."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(DRIVER_LIBRARY)
        self.call("cuInit", 0)

    def call(self, name: str, *arguments: Any) -> None:
        status = getattr(self.library, name)(*arguments)
        if status != 0:
            raise OSError(f"{name} failed with CUDA error {status}")

    def integer(self, name: str, *arguments: Any) -> int:
        value = ctypes.c_int()
        self.call(name, ctypes.byref(value), *arguments)
        return value.value

    def gpu(self, index: int) -> Gpu:
        device = self.integer("cuDeviceGet", index)
        name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
        self.call("cuDeviceGetName", name, len(name), device)
        self.call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        major = self.integer("cuDeviceGetAttribute", COMPUTE_CAPABILITY_MAJOR, device)
        minor = self.integer("cuDeviceGetAttribute", COMPUTE_CAPABILITY_MINOR, device)
        return Gpu(name.value.decode(), memory.value, f"{major}.{minor}")


def _driver_version() -> str | None:
    """The version that the kernel module reports, such as ``550.54.15``."""
    try:
        found = re.search(r"(?:Kernel Module|x86_64|aarch64)\s+(\d+(?:\.\d+)+)", DRIVER_VERSION.read_text())
    except OSError:
        return None
    return found.group(1) if found else None


def find_driver() -> Driver:
    """Ask the driver's own library for its cards; no Python package is needed for that."""
    version = _driver_version()
    try:
        calls = _DriverCalls()
        number = calls.integer("cuDriverGetVersion")
        gpus = tuple(calls.gpu(index) for index in range(calls.integer("cuDeviceGetCount")))
    except OSError as error:
        return Driver(version=version, problem=str(error))
    return Driver(version, f"{number // 1000}.{number % 1000 // 10}", gpus)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _htslib_version() -> str | None:
    """The htslib inside pysam, read from its sources: pysam itself may be what is broken."""
    if _version("pysam") is None:
        return None
    source = Path(str(metadata.distribution("pysam").locate_file("pysam/version.py")))
    found = re.search(r'__htslib_version__\s*=\s*"([^"]+)"', source.read_text()) if source.is_file() else None
    return found.group(1) if found else None


def find_libraries() -> dict[str, str | None]:
    """Version of each library that gpucall uses; None: not installed."""
    versions = {name: _version(name) for name in LIBRARIES}
    return {**versions, "htslib (in pysam)": _htslib_version()} | {name: _version(name) for name in CUDA_LIBRARIES}


def install_line(driver: Driver) -> str:
    """The one line that installs the CUDA path for the newest CUDA that the driver runs."""
    newest = int(driver.cuda.split(".")[0]) if driver.cuda else OLDEST_CUDA
    return f"pip install 'gpucall[cuda{min(max(newest, OLDEST_CUDA), NEWEST_CUDA)}]'"


def _missing_for_cuda(driver: Driver, libraries: dict[str, str | None]) -> tuple[str, str | None] | None:
    """The first thing that the CUDA path lacks, and what mends it; None where nothing obvious does."""
    if driver.problem and not driver.version:
        return "no NVIDIA driver", "install the NVIDIA driver of your card (a container needs --gpus all)"
    if driver.problem:
        return f"the driver does not answer ({driver.problem})", "check that nvidia-smi works, then reboot or reinstall"
    if not driver.gpus:
        return "the driver shows no card", "check nvidia-smi and CUDA_VISIBLE_DEVICES (a container needs --gpus all)"
    if int(str(driver.cuda).split(".")[0]) < OLDEST_CUDA:
        return f"the driver runs CUDA {driver.cuda}, and {OLDEST_CUDA} is needed", "install a newer NVIDIA driver"
    lacking = [] if libraries["numba-cuda"] else ["numba-cuda"]
    lacking += [] if libraries["cupy-cuda12x"] or libraries["cupy-cuda13x"] else ["CuPy"]
    return (f"{' and '.join(lacking)} not installed", install_line(driver)) if lacking else None


def _probe(name: str) -> str:
    """Copy numbers to the device, run the probe kernel on them, copy them back, compare. Returns the device's name."""
    import numpy as np

    from gpucall import backend

    device, _ = backend.select(name)
    values = device.upload(np.arange(PROBED, dtype=np.int32))
    device.launch("probe.increment", PROBED, values)
    if not np.array_equal(device.download(values), np.arange(1, PROBED + 1)):
        raise NoUsableDevice(f"{device.describe()} computes wrong sums; have the card checked")
    return device.describe()


def _try_device(name: str) -> Device:
    """Whether a kernel runs on the device: whatever stops a run stops this too."""
    try:
        return Device(name, True, f"{_probe(name)} runs a kernel")
    except GpucallError as error:
        return Device(name, False, str(error))
    except Exception as error:
        return Device(name, False, " ".join(f"{type(error).__name__}: {error}".split())[:200])


def find_devices(driver: Driver, libraries: dict[str, str | None]) -> tuple[Device, ...]:
    """What ``--device cpu`` and ``--device cuda`` would do."""
    lacking = [name for name in LIBRARIES if libraries[name] is None]
    cpu = _try_device("cpu")
    if lacking:
        cpu = Device("cpu", False, f"{', '.join(lacking)} not installed", f"pip install {' '.join(lacking)}")
    simulated = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
    missing = None if simulated else _missing_for_cuda(driver, libraries)
    return cpu, Device("cuda", False, *missing) if missing else _try_device("cuda")


def cache_folder() -> str:
    """Where compiled kernels are kept between runs."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return chosen or str(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpucall" / "kernels")


def _free_disk() -> dict[str, int]:
    """Free bytes where a run would write: here, and where temporary files go."""
    return {folder: shutil.disk_usage(folder).free for folder in (str(Path.cwd()), tempfile.gettempdir())}


def examine() -> Report:
    """Look at this machine. Installs nothing; the probe kernel's machine code joins the kernel cache."""
    driver, libraries, cache = find_driver(), find_libraries(), cache_folder()
    memory, memory_free = machine.memory()
    return Report(
        gpucall=__version__,
        python=f"{platform.python_version()} ({sys.executable})",
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cores=machine.cores(),
        memory=memory,
        memory_free=memory_free,
        disk_free=_free_disk(),
        driver=driver,
        libraries=libraries,
        cache=cache,
        devices=find_devices(driver, libraries),
    )


def to_json(report: Report) -> str:
    """The report for programs."""
    return json.dumps(asdict(report), indent=2)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"


def _gpu_rows(driver: Driver) -> list[tuple[str, str]]:
    cards = [f"{gpu.name}, {_gib(gpu.memory)}, compute capability {gpu.compute_capability}" for gpu in driver.gpus]
    version = f"{driver.version or 'version unknown'}, runs CUDA up to {driver.cuda}" if driver.cuda else "none found"
    return [*(("GPU", card) for card in cards or ["none found"]), ("driver", version)]


def _device_rows(devices: tuple[Device, ...]) -> list[tuple[str, str]]:
    rows = []
    for device in devices:
        rows.append((f"--device {device.name}", f"{'works' if device.usable else 'does not work'}: {device.detail}"))
        if device.remedy:
            rows.append(("", f"to mend it: {device.remedy}"))
    return rows


def to_text(report: Report) -> str:
    """The report for a person: one fact a line."""
    rows = [
        ("gpucall", report.gpucall),
        ("Python", report.python),
        ("system", report.system),
        ("cores", str(report.cores)),
        ("memory", f"{_gib(report.memory)}, {_gib(report.memory_free)} free"),
        *(("disk", f"{_gib(free)} free in {folder}") for folder, free in report.disk_free.items()),
        *_gpu_rows(report.driver),
        *((name, version or "not installed") for name, version in report.libraries.items()),
        ("kernel cache", report.cache),
        *_device_rows(report.devices),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)
