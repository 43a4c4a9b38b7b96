"""Signature Version 4: canonical requests, verifying and signing. Pure: no I/O, no clock of its own."""
