"""gpu_acceptance: on a machine with a card, everything that only a card can show, in one command and one JSON.

    python -m bench.gpu_acceptance [--json bench/results/gpu_acceptance.json]

1. The doctor's view of the machine.
2. The test-suite's CUDA part on the card: every kernel against its naive twin, whole runs against the CPU's bytes.
3. Every kernel matched with the CPU's on large launches, then timed on both (``bench.kernels``).
4. A simulated sample of 20 Mb at 30x, called on the CPU and on the card: the VCF's body and all QC files compared byte
   by byte, both timed.

Runs from a checkout, with ``pip install -e '.[cuda12,dev]'``. The exit code is 0 if all of it holds, 1 if something
does not, 20 without a card.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("GPUCALL_CUDA", "1")  # as bench.kernels needs it; read when the kernels are imported

from gpucall import backend
from gpucall.errors import GpucallError, NoUsableDevice, UsageError
from gpucall.machine import cores

from . import kernels
from .measure import Usage, provenance, run, summary
from .pipeline import write_json
from .simulate import parse_size, simulate

ROOT = Path(__file__).resolve().parent.parent
LENGTH = 20_000_000
REPEATS = 3
CUDA_TESTS = ("test_kernels_*.py", "test_same_bytes.py", "test_ptx.py")
Sums = dict[str, str]


def find_card(simulator: bool) -> str:
    """What ``--device cuda`` runs on.

    Raises
    ------
    NoUsableDevice
        There is no card, or, unless ``simulator`` will do, only the simulator.
    """
    device = backend.select("cuda")[0]
    if isinstance(device, backend.SimulatorBackend) and not simulator:
        raise NoUsableDevice("this is the CUDA simulator, and only a card will do; unset NUMBA_ENABLE_CUDASIM")
    return device.describe()


def ask_doctor() -> dict[str, Any]:
    """The driver, the libraries and what runs, as ``gpucall doctor`` sees them."""
    command = [sys.executable, "-m", "gpucall", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    return {name: report[name] for name in ("system", "driver", "libraries", "devices")}


# -- tests -------------------------------------------------------------------------------------------------------------


def run_tests() -> dict[str, Any]:
    """The tests that run on a card, in a process of their own: their command, how many of each outcome, what failed."""
    files = sorted(path for pattern in CUDA_TESTS for path in (ROOT / "tests").glob(pattern))
    if not files:
        raise UsageError(f"{ROOT}: no tests here; run this from a checkout")
    names = [str(path.relative_to(ROOT)) for path in files]
    command = [sys.executable, "-m", "pytest", "--quiet", "--tb=short", *names]
    environment = os.environ | {"GPUCALL_TEST_DEVICES": "cuda"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return {
        "command": " ".join(["GPUCALL_TEST_DEVICES=cuda", "python", *command[1:]]),
        "passed": done.returncode == 0,
        "outcomes": outcomes(done.stdout),
        "output": "" if done.returncode == 0 else (done.stdout + done.stderr)[-20_000:],
    }


def outcomes(text: str) -> dict[str, int]:
    """``12 passed, 1 skipped in 3.4s`` -> {"passed": 12, "skipped": 1}.

    >>> outcomes("... 12 passed, 1 skipped in 3.4s")
    {'passed': 12, 'skipped': 1}
    """
    last = text.strip().splitlines()[-1] if text.strip() else ""
    return {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|skipped|errors?)", last)}


# -- whole runs --------------------------------------------------------------------------------------------------------


def call(device: str, bam: Path, reference: Path, out: Path, threads: int) -> Usage:
    """One run of ``gpucall call``."""
    command = [sys.executable, "-m", "gpucall", "call", "--gvcf", "--device", device, "--threads", str(threads)]
    return run([*command, "--reference", str(reference), "--out", str(out), str(bam)])


def checksums(folder: Path) -> Sums:
    """SHA-256 of each output that must not depend on the device: the VCF's body and the QC files."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".vcf.gz"):
            text = gzip.decompress(path.read_bytes())
            found[f"{path.name} (body)"] = _sha256(text[text.index(b"#CHROM") :])
        elif path.suffix in (".txt", ".json") and not path.name.endswith(".manifest.json"):
            found[path.name] = _sha256(path.read_bytes())
    return found


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def differing(one: Sums, two: Sums) -> list[str]:
    """Outputs that are not the same, or that only one run has."""
    return sorted(name for name in {*one, *two} if one.get(name) != two.get(name))


def compare_devices(length: int, threads: int, repeats: int) -> dict[str, Any]:
    """Simulate a sample, call it on both devices in turns, compare every output of every run."""
    with tempfile.TemporaryDirectory(prefix="gpucall-acceptance-") as folder:
        sample = simulate(Path(folder) / "sample", length=length, depth=30.0, seed=17, deep_sites=deep_sites(length))
        usages: dict[str, list[Usage]] = {"cpu": [], "cuda": []}
        sums: dict[str, list[Sums]] = {"cpu": [], "cuda": []}
        for number in range(repeats + 1):  # the first round compiles kernels; it counts where there is no other
            for device in usages:
                out = Path(folder) / f"{device}{number}"
                usage = call(device, sample.bam, sample.reference, out, threads)
                usages[device] += [usage] if number > 0 or repeats == 0 else []
                sums[device].append(checksums(out))
    expected = sums["cpu"][0]
    wrong = {name for found in (*sums["cpu"], *sums["cuda"]) for name in differing(expected, found)}
    figures = {device: summary(found) for device, found in usages.items()}
    return {
        "bases": length,
        "records": sample.records,
        "threads": threads,
        "outputs": expected,
        "differing": sorted(wrong),
        "devices": figures,
        "cpu / cuda": round(figures["cpu"]["median_seconds"] / figures["cuda"]["median_seconds"], 2),
    }


def deep_sites(length: int) -> tuple[tuple[int, int], ...]:
    """A pile of 5,000 reads in a sample of 20 Mb, smaller ones in smaller samples."""
    return ((length // 3, max(60, 5000 * length // LENGTH)),)


# -- all of it ---------------------------------------------------------------------------------------------------------


def accept(length: int, repeats: int, with_tests: bool) -> dict[str, Any]:
    """Everything; ``accepted`` says whether all of it holds."""
    found: dict[str, Any] = {"card": find_card(simulator=length < LENGTH), "machine": ask_doctor()}
    if with_tests:
        found["tests"] = run_tests()
    figures, mismatches = kernel_figures(min(length, kernels.SAMPLE["length"]))
    found["kernels"] = {"figures": figures, "mismatches": mismatches}
    found["sample"] = compare_devices(length, cores(), repeats)
    tests_hold = not with_tests or found["tests"]["passed"]
    found["accepted"] = tests_hold and not mismatches and not found["sample"]["differing"]
    return found


def kernel_figures(length: int) -> tuple[dict[str, Any], list[str]]:
    """``bench.kernels`` on both devices."""
    cases = kernels.record_simulated(length=length, deep_sites=deep_sites(length))
    return kernels.measure_all(cases, kernels.open_devices(["cpu", "cuda"]))


def verdict(found: dict[str, Any]) -> str:
    """What was found, to read."""
    sample = found["sample"]
    times = ", ".join(f"{name} {figures['median_seconds']:.2f} s" for name, figures in sample["devices"].items())
    lines = [
        f"card: {found['card']}",
        f"tests: {found['tests']['outcomes'] if 'tests' in found else 'not run'}",
        f"kernels: {len(found['kernels']['figures'])} match, {len(found['kernels']['mismatches'])} do not",
        f"sample: {sample['records']:,} records; {times}",
        f"differing outputs: {', '.join(sample['differing']) or 'none'}",
        "ACCEPTED" if found["accepted"] else "NOT ACCEPTED",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu_acceptance", description="What only a card can show.")
    parser.add_argument("--json", type=Path, default=Path("bench/results/gpu_acceptance.json"), help="the results")
    # For the tests of this command, which has no card: a small sample under the simulator, the suite left out.
    parser.add_argument("--length", type=str, default=str(LENGTH), help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=REPEATS, help=argparse.SUPPRESS)
    parser.add_argument("--no-tests", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        made = provenance("python -m bench.gpu_acceptance")
        found = accept(parse_size(options.length), options.repeats, not options.no_tests)
        write_json(options.json, {**made, **found})
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(verdict(found))
    return 0 if found["accepted"] else 1


if __name__ == "__main__":
    sys.exit(main())
