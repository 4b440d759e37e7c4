"""From a crop to text: the networks, the shapes of the letters, and the cache of crops."""
