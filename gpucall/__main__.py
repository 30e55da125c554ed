"""``python -m gpucall`` is the command line."""

from gpucall.cli import entry

if __name__ == "__main__":
    entry()
