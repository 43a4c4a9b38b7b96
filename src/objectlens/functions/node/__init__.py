"""Node.js functions: which Node.js there is, how it is started, and the AWS SDK that AWS's runtimes bring along.

Beside the Python modules lie the runtime's own files in JavaScript: `bootstrap.mjs` and what it imports serve the
handler, `capture.cjs` leads the names of AWS's services to this one. They use Node.js's own modules only. `sdk/` names
the packages of the SDK and their exact versions.

What this is not: it starts no process of a function (`environment` does) and knows nothing of the pool.
"""

from __future__ import annotations

from objectlens.functions.node.launch import Node, find_node, node_command, sdk_endpoint
from objectlens.functions.node.modules import NodeModules

__all__ = ["Node", "NodeModules", "find_node", "node_command", "sdk_endpoint"]
