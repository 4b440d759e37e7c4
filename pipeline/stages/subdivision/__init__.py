"""subdivide: trees of sub-categories within labels or clusters."""
