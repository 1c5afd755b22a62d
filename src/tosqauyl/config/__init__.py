"""One TOML file becomes each room's own frozen options; every mistake at once, with its line."""
