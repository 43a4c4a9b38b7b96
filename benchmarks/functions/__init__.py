"""What functions must keep to: each line with its target, measured beside what it is compared with.

Each module has a `measure` that takes the server that all share, or starts one of its own where settings differ, and
returns what it found by name. `found` has the words for that, `plots` draws it.
"""
