"""walk: the files of the corpus, their digests, the ledger."""
