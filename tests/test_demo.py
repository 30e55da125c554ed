"""demo: the main job on data it makes, checked against the truth."""

from __future__ import annotations

from pathlib import Path

from gpucall import demo


def test_demo_finds_what_it_simulated(tmp_path: Path) -> None:
    result = demo.run(tmp_path, seed=3, device="cpu", threads=1, length=120_000)
    snvs, indels = result.accuracy["SNV"], result.accuracy["INDEL"]
    assert snvs["truth"] > 100 and snvs["f1"] > 0.98
    assert indels["truth"] > 10 and indels["f1"] > 0.85
    text = demo.to_text(result)
    for path in (result.result.vcf, result.simulated.bam, result.simulated.truth):
        assert path.is_file() and str(path) in text
    assert f"{snvs['recall']:.4f}" in text


def test_a_share_of_nothing_is_a_dash() -> None:
    assert demo.share(None) == "-"
    assert demo.share(0.5) == "0.5000"
