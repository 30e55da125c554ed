"""``python -m gpucall`` is the command line."""

from gpucall.cli import main

if __name__ == "__main__":
    main()
