"""Tables, by pyarrow: `pip install 'objectlens[table]'`.

What it is: the `table.*` steps and the rules that let reading do the selecting. What it is not: SQL.
What flows through: bytes become a `pyarrow.Table`, which becomes bytes of the same or another format.
"""

from types import MappingProxyType

import pyarrow as pa

from objectlens.transforms.table.files import read, write
from objectlens.transforms.table.rows import limit, select, where
from objectlens.transforms.table.rules import RULES, check_steps

STEPS = (read, select, where, limit, write)
CHECK = check_steps
VERSIONS = MappingProxyType({"pyarrow": pa.__version__})

__all__ = ["CHECK", "RULES", "STEPS", "VERSIONS", "limit", "read", "select", "where", "write"]
