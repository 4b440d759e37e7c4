"""The marks whose length a label states."""
