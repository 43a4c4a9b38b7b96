"""SQL: the engine and its migrations."""
