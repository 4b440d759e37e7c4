"""Methods of clustering: arrays in, labels and further arrays out.

Labels are int32, 0 to k - 1, and -1 for noise (HDBSCAN, DBSCAN). The report scores noise as one cluster more (rule
``"cluster"`` of `pipeline.kernels.agreement.scores`), so that a method does not score better by leaving out what is
hard; the rules ``"exclude"`` and ``"singletons"`` are there to compare. `silhouettes` leave noise out.
"""
