"""Configuration: TOML and environment variables, parsed once into frozen values."""
