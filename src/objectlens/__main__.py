"""The command `objectlens`."""

from __future__ import annotations

from objectlens.cli.main import main

if __name__ == "__main__":
    main()
