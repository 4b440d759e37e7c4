"""Methods of clustering: arrays in, labels and further arrays out.

Labels are int32, 0 to k - 1, and -1 for noise (HDBSCAN, DBSCAN). Scores leave noise out and say how many rows they
scored (the rule ``"exclude"`` of `pipeline.kernels.agreement.scores`, and `silhouettes`): noise is no cluster, and to
count it as one would reward a method for calling everything difficult by one name, or punish it for what it does not
claim. Read such a score beside the share of noise; the rules ``"cluster"`` and ``"singletons"`` are there to compare.
"""
