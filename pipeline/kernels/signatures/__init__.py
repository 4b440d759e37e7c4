"""Look-alike pictures among many by their small signatures."""
