"""Folders of an installation: closed to other users, whatever the umask says."""

from pathlib import Path


def private_folder(path: Path) -> Path:
    """Make a folder and those that are missing above it, each for its owner alone; what is there stays as it is.

    Raises:
        OSError: one can't be made.
    """
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    for folder in (*reversed(missing), path):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path
