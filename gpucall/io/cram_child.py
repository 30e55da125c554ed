"""cram_child: ``samtools view`` of the htslib inside pysam, as a process of its own; its BAM goes to standard output.

Started by ``cram``, by path, so that it imports nothing but pysam. Complaints go to standard error.
"""

import sys


def main(arguments: list[str]) -> int:
    import pysam

    try:
        pysam.view(*arguments, catch_stdout=False)
    except pysam.SamtoolsError as error:
        sys.stderr.write(str(error).replace("\\n", "\n"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
