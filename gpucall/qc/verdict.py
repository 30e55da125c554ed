"""verdict: is the sample fit? Every figure against the thresholds of a profile.

A profile is a TOML file. A threshold says what a good sample has (``comparison``), from where on a miss is a warning
(``warn``), from where on it fails (``fail``), and where the number comes from (``source``). Several thresholds may name
the same metric; the worst counts.
"""

from __future__ import annotations

import json
import operator
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, UsageError
from .figures import FIGURES, Figures, Value, complete, to_text

PASS, WARN, FAIL, NOT_MEASURED = "pass", "warn", "fail", "not measured"
SEVERITY = (NOT_MEASURED, PASS, WARN, FAIL)  # the worst last
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "in": lambda value, limit: value in limit,
}
WORDS = {">=": "at least", "<=": "at most", "in": "one of"}
SCOPES = ("any", "genome")
FOLDER = Path(__file__).parent / "profiles"
PARTIAL = "only a part of the genome was looked at"


class Threshold(NamedTuple):
    """What a good sample has: ``metric comparison warn``, and at least ``metric comparison fail``.

    warn, fail  None: a miss never is one
    scope       ``genome``: makes sense only where the whole genome was looked at
    note        how the metric differs from the source's
    """

    metric: str
    comparison: str
    unit: str
    source: str
    warn: Any = None
    fail: Any = None
    scope: str = "any"
    note: str = ""

    def judge(self, value: Value, whole_genome: bool) -> str:
        """``PASS``, ``WARN``, ``FAIL`` or ``NOT_MEASURED``."""
        if value is None or (self.scope == "genome" and not whole_genome):
            return NOT_MEASURED
        holds = COMPARISONS[self.comparison]
        if self.fail is not None and not holds(value, self.fail):
            return FAIL
        return WARN if self.warn is not None and not holds(value, self.warn) else PASS

    def to_text(self) -> str:
        """In words: ``at least 95 %, else fail``."""
        parts = []
        for limit, consequence in ((self.warn, WARN), (self.fail, FAIL)):
            if limit is not None:
                parts.append(f"{WORDS[self.comparison]} {self._limit(limit)}, else {consequence}")
        return "; ".join(parts)

    def _limit(self, limit: Any) -> str:
        if isinstance(limit, list):
            return ", ".join(map(str, limit))
        unit = {"": "", "x": "x", "fraction": ""}.get(self.unit, f" {self.unit}")
        return f"{limit:,}{unit}"


class Profile(NamedTuple):
    """A named, versioned set of thresholds."""

    name: str
    version: str
    title: str
    source: str
    thresholds: tuple[Threshold, ...]


class Judgement(NamedTuple):
    """One threshold, applied. ``reason``: why the figure was not measured, else empty."""

    metric: str
    value: Value
    status: str
    threshold: Threshold
    reason: str = ""

    def to_text(self) -> str:
        """One line for a person."""
        found = to_text(self.metric, self.value)
        return f"{FIGURES[self.metric].label}: {found} ({self.threshold.to_text()})"


@dataclass(frozen=True)
class Verdict:
    """What a profile makes of a sample.

    judgements  one a threshold, in the profile's order
    figures     all of the sample's figures, those that no threshold asks for too
    """

    sample: str
    profile: Profile
    judgements: tuple[Judgement, ...]
    figures: Figures
    whole_genome: bool
    platform: str = ""
    batch: str = ""

    @property
    def status(self) -> str:
        """The worst of all judgements."""
        return max((each.status for each in self.judgements), key=SEVERITY.index, default=NOT_MEASURED)

    def having(self, status: str) -> list[Judgement]:
        """The judgements of one status."""
        return [each for each in self.judgements if each.status == status]

    def summary(self) -> str:
        """One line: the status, how many of each, the profile."""
        counts = ", ".join(f"{len(self.having(each))} {each}" for each in reversed(SEVERITY) if self.having(each))
        return f"{self.status} ({counts}; profile {self.profile.name} {self.profile.version})"

    def document(self) -> dict[str, Any]:
        """As JSON: what ``<sample>.verdict.json`` holds and ``gpucall report`` reads."""
        return {
            "sample": self.sample,
            "verdict": self.status,
            "profile": {key: value for key, value in self.profile._asdict().items() if key != "thresholds"},
            "scope": "genome" if self.whole_genome else "part",
            "platform": self.platform or None,
            "batch": self.batch or None,
            "judgements": [judgement_document(each) for each in self.judgements],
            "figures": self.figures,
        }

    def write(self, path: Path) -> None:
        """Write the document."""
        path.write_text(json.dumps(self.document(), indent=2) + "\n", encoding="utf-8")


def load_verdict(path: Path) -> Verdict:
    """Read what ``Verdict.write`` wrote.

    Raises
    ------
    InputError
        where the file is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = content["judgements"]
        judgements = tuple(
            Judgement(row["metric"], row["value"], row["status"], threshold_of(row), row["reason"]) for row in rows
        )
        profile = Profile(thresholds=tuple(each.threshold for each in judgements), **content["profile"])
        whole, groups = content["scope"] == "genome", (content["platform"] or "", content["batch"] or "")
        return Verdict(content["sample"], profile, judgements, complete(content["figures"]), whole, *groups)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a verdict that gpucall wrote ({error!r}); make it anew") from None


def threshold_of(row: Mapping[str, Any]) -> Threshold:
    """The threshold of a judgement's document."""
    return Threshold(**{key: row[key] for key in KEYS})


def judgement_document(judgement: Judgement) -> dict[str, Any]:
    """One judgement as JSON."""
    threshold = judgement.threshold
    return {
        "metric": judgement.metric,
        "value": judgement.value,
        "unit": threshold.unit,
        "status": judgement.status,
        "comparison": threshold.comparison,
        "warn": threshold.warn,
        "fail": threshold.fail,
        "scope": threshold.scope,
        "source": threshold.source,
        "note": threshold.note,
        "reason": judgement.reason,
    }


def judge(
    sample: str, figures: Mapping[str, Value], profile: Profile, whole_genome: bool, platform: str = "", batch: str = ""
) -> Verdict:
    """Apply a profile to a sample's figures."""
    found = complete(figures)
    judgements = tuple(apply(each, found, whole_genome) for each in profile.thresholds)
    return Verdict(sample, profile, judgements, found, whole_genome, platform, batch)


def apply(threshold: Threshold, figures: Mapping[str, Value], whole_genome: bool) -> Judgement:
    """Apply one threshold."""
    value = figures[threshold.metric]
    status = threshold.judge(value, whole_genome)
    if status != NOT_MEASURED:
        return Judgement(threshold.metric, value, status, threshold)
    reason = FIGURES[threshold.metric].absent if value is None else PARTIAL
    return Judgement(threshold.metric, value, status, threshold, reason)


# -- profiles ----------------------------------------------------------------------------------------------------------


def profile_names() -> list[str]:
    """The profiles that come with gpucall."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_profile(chosen: str) -> Profile:
    """A profile by its name, or from a TOML file.

    Raises
    ------
    UsageError
        where there is no such profile, or a file is not one: file, threshold, what was expected.
    """
    path = FOLDER / f"{chosen}.toml" if chosen in profile_names() else Path(chosen)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        names = ", ".join(profile_names())
        raise UsageError(
            f"--profile {chosen}: no such profile or file ({error.strerror}); profiles are {names}"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--profile {chosen}: not a TOML file ({error})") from None
    return parse_profile(document, chosen)


def parse_profile(document: Mapping[str, Any], where: str) -> Profile:
    """A profile from a TOML document, all of it checked."""
    unknown = set(document) - {"name", "version", "title", "source", "threshold"}
    if unknown:
        raise UsageError(f"--profile {where}: '{min(unknown)}' is no key of a profile")
    texts = {key: document.get(key) for key in ("name", "version", "title", "source")}
    if not all(isinstance(text, str) and text for text in texts.values()):
        raise UsageError(f"--profile {where}: name, version, title and source must be there, as texts")
    rows = document.get("threshold")
    if not isinstance(rows, list) or not rows:
        raise UsageError(f"--profile {where}: no [[threshold]]; a profile has one for each metric that it judges")
    thresholds = tuple(parse_threshold(row, number, where) for number, row in enumerate(rows, 1))
    return Profile(thresholds=thresholds, **{key: str(text) for key, text in texts.items()})


def parse_threshold(row: Any, number: int, where: str) -> Threshold:
    """One ``[[threshold]]``, checked."""

    def bad(what: str) -> UsageError:
        return UsageError(f"--profile {where}: threshold {number}: {what}")

    try:
        threshold = Threshold(**row)
    except TypeError as error:
        raise bad(f"{str(error).removeprefix('Threshold.__init__() ')}; keys are {', '.join(KEYS)}") from None
    if threshold.metric not in FIGURES:
        raise bad(f"metric '{threshold.metric}' is not known; known are {', '.join(FIGURES)}")
    if threshold.comparison not in COMPARISONS:
        raise bad(f"comparison '{threshold.comparison}' is none of {', '.join(COMPARISONS)}")
    if threshold.unit != FIGURES[threshold.metric].unit:
        raise bad(f"unit '{threshold.unit}': {threshold.metric} is measured in '{FIGURES[threshold.metric].unit}'")
    if threshold.scope not in SCOPES:
        raise bad(f"scope '{threshold.scope}' is none of {', '.join(SCOPES)}")
    limits = [limit for limit in (threshold.warn, threshold.fail) if limit is not None]
    if not limits:
        raise bad(f"neither warn nor fail is given for {threshold.metric}")
    wanted: tuple[type, ...] = (list,) if threshold.comparison == "in" else (int, float)
    if not all(isinstance(limit, wanted) and not isinstance(limit, bool) for limit in limits):
        raise bad(f"the limits of {threshold.metric} must be {'lists' if list in wanted else 'numbers'}")
    if not threshold.source:
        raise bad(f"no source for {threshold.metric}: say where the numbers come from")
    return threshold


KEYS = Threshold._fields
