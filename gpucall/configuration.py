"""configuration: what a user sets once, in a small TOML file.

``$GPUCALL_CONFIG``, else ``~/.config/gpucall/config.toml``::

    [contamination-panels]            # a reference's usual panel, by the FASTA's path or name
    "GRCh38.fa" = "/data/panels/1000g.phase3.100k.b38.vcf.gz.dat"
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .errors import InputError

PANELS = "contamination-panels"


def path() -> Path:
    """Where the file is, whether it is there or not."""
    given = os.environ.get("GPUCALL_CONFIG")
    return Path(given) if given else Path("~/.config/gpucall/config.toml").expanduser()


def usual_panel(reference: str | os.PathLike[str]) -> str | None:
    """The contamination panel that is usual for a reference; None: none is set.

    Raises
    ------
    InputError
        where the file cannot be understood.
    """
    panels = _read().get(PANELS, {})
    if not isinstance(panels, dict) or not all(isinstance(prefix, str) for prefix in panels.values()):
        raise InputError(f'{path()}: [{PANELS}] must map FASTA files to panels: "GRCh38.fa" = "/panels/prefix"')
    wanted = Path(reference)
    for name, prefix in panels.items():
        if name == wanted.name or Path(name).expanduser().resolve() == wanted.resolve():
            return os.path.expanduser(prefix)
    return None


def _read() -> dict[str, Any]:
    """The file's tables; none where there is no file."""
    import tomllib

    file = path()
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if "GPUCALL_CONFIG" in os.environ:
            raise InputError(f"{file}: GPUCALL_CONFIG names it, but it does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file}: cannot be read as TOML ({error}); mend it, or remove it") from error
