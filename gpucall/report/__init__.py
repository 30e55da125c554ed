"""Reports: what quality control found, for people. One page a sample, one page a cohort, made from a run's files."""
