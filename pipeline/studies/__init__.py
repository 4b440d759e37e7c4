"""Published studies as recipes: `registry` names them; a study is a recipe (TOML) and at most one module beside it."""
