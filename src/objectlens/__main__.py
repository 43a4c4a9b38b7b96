"""The command `objectlens`."""
