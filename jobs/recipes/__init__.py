"""The recipes that come with semcorpus, one TOML file each."""

from importlib import resources


def builtin_recipes() -> dict[str, str]:
    """Names of the built-in recipes and their TOML text."""
    entries = (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".toml"))
    return {entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8") for entry in entries}
