"""What the operating system refuses, in words that name the cause and the remedy."""

from __future__ import annotations

import errno

from objectlens.stores.protocols import StoreFull, StoreUnavailable

ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.EINVAL, errno.EILSEQ}
)
"""What opening a name gives when no plain file can be there, links included (they are not followed)."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_REMEDIES = {
    errno.EACCES: "give the server's user access to the bucket's folder",
    errno.EPERM: "give the server's user access to the bucket's folder",
    errno.EROFS: "mount the bucket's file system read-write",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the machine's limit of open files (fs.file-max)",
    errno.EXDEV: "another file system is mounted inside the bucket's folder: attach it as a bucket of its own",
    errno.ENOENT: "the bucket's folder is gone: mount it or put it back",
}


class translated:  # noqa: N801  (it is used as a function is)
    """Turn an `OSError` into `StoreFull` or `StoreUnavailable` that says what was being done to which key."""

    # A class: every request passes here, and a generator would take as long as a look at the disk.
    __slots__ = ("_doing", "_name")

    def __init__(self, doing: str, name: str) -> None:
        self._doing, self._name = doing, name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, (StoreFull, StoreUnavailable, ConnectionError)):
            raise fault(self._doing, self._name, error) from error


def fault(doing: str, name: str, error: OSError) -> StoreFull | StoreUnavailable:
    """Return the store's error for one of the operating system's; it never shows a path of the machine."""
    cause = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreFull(f"cannot {doing} {name!r}: {cause}; free some space or raise the quota")
    remedy = _REMEDIES.get(error.errno or 0, "see the server's log and the state of the disk")
    return StoreUnavailable(f"cannot {doing} {name!r}: {cause}; {remedy}")
