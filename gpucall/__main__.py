"""``python -m gpucall`` is the command line."""

import sys

from gpucall.cli import main

if __name__ == "__main__":
    sys.exit(main())
