"""objectlens: your buckets, seen through code.

A self-hosted service, wire-compatible with Amazon S3 Object Lambda. The rooms of the house and the rules between
them are described in ARCHITECTURE.md.
"""

__version__ = "0.1.0.dev0"
