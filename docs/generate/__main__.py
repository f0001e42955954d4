"""``python -m docs.generate``, in the project's folder: writes what is made from the code. ``make docs`` runs it.

With ``--check`` it writes nothing, and fails where a file is not what the code makes of it.
"""

import sys

from docs.generate import ROOT, generated

if __name__ == "__main__":
    outdated = {path: text for path, text in generated().items() if path.read_text() != text}
    if "--check" in sys.argv[1:] and outdated:
        names = ", ".join(str(path.relative_to(ROOT)) for path in outdated)
        sys.exit(f"not what the code makes of it: {names}; run `make docs`")
    for path, text in outdated.items():
        path.write_text(text)
