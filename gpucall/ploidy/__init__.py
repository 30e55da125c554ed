"""How many copies of each stretch of the genome a sample has: assemblies, the sample's sex, records that wait for it.

``assemblies`` knows the X, Y and MT of the human assemblies, ``regions`` says what each position is, ``sex`` finds the
sex chromosomes from depth and heterozygosity, ``held`` keeps the records of both answers until the last read is seen.
"""
