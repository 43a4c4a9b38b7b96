"""Public test suites that every back end must pass."""
