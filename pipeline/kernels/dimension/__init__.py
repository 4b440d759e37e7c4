"""Intrinsic dimension, principal components, and what a code keeps of distances and neighbourhoods."""
