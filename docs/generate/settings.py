"""The table of settings."""

from tradematrix_pipelines.cli.settings import markdown_table


def settings() -> str:
    """Return a row for each setting; its links begin at docs/reference."""
    return markdown_table().replace("](docs/", "](../")
