"""Where a value is in a file, for the errors about it. Not here: what is wrong with it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tradematrix_pipelines.vendors.errors import BadFile
from tradematrix_pipelines.vendors.files.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Source:
    """A file.

    Attributes:
        dialect: the form of a text file; ``None`` for Parquet.
    """

    path: Path
    dialect: Dialect | None = None

    def refuse(self, column: pd.Series, bad: pd.Series, why: str, error: type[BadFile] = BadFile) -> None:
        """Raise ``error`` for the first row that is marked bad."""
        rows = np.flatnonzero(bad.to_numpy(dtype=bool, na_value=False))
        if rows.size:
            row = int(rows[0])
            value = column.iloc[row]
            shown = "" if pd.isna(value) else str(value)
            raise error(f"{self.path}: {self._place(row)}, column {column.name!r}: {shown!r} {why}")

    def _place(self, row: int) -> str:
        """Return where a row of the frame is: blank lines and comments are skipped, so lines are counted again."""
        if self.dialect is None:
            return f"row {row + 1}"
        comment = "#" if self.dialect.comments else "\n"
        with self.path.open(encoding=self.dialect.encoding) as lines:
            filled = [
                number
                for number, line in enumerate(lines, start=1)
                if line.strip() and not line.lstrip().startswith(comment)
            ]
        return f"line {filled[row + self.dialect.header]}"
