"""Methods of clustering: arrays in, labels (int32, -1 for noise) and trees of merges out."""
