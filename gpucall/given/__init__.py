"""Stage: genotypes at sites and of alleles that the user gives, whether or not they are discovered.

Every given record becomes one record of the output, with its REF and ALTs as written. What discovery found decides
where it found the same alleles; its other records stay as they are. So a site's record does not depend on what else is
given. Single bases are weighed by the bases over them, all of a tile at once; what needs haplotypes gets a window of
its own, in which the alleles that were called around it are on the haplotypes, too.
"""
