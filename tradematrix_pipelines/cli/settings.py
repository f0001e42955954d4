"""``tradematrix settings``: every setting, its value, where that comes from, and what it means.

Here: also the table of the docs and the text of ``.env.example``, which are made from the same declarations.
"""

import json
import re
from textwrap import fill

import click

from tradematrix_pipelines.cli.output import json_option, show
from tradematrix_pipelines.settings import VARIABLES, load_settings, settings_in_force, unknown_variables

_LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")
_WORD = re.compile(r"`([^` ]+)`")
_HEAD = (
    "Copy to .env and fill in what you need; every line is optional. Both tradematrix and Dagster read .env in the "
    "current folder."
)


@click.command()
@json_option
@click.option(
    "--format", "layout", type=click.Choice(["env", "markdown"]), help="Print an example of .env, or the docs' table."
)
@click.pass_obj
def command(from_file: frozenset[str], *, as_json: bool, layout: str | None) -> None:
    """Show every setting: its variable, its value now, where that comes from, and what it means.

    Secrets are shown as ***. Variables that look like settings but are none are named on standard error, with the
    setting that they may stand for; JSON has them as `unknown`. With --format env the output can be saved as .env.
    """
    if layout is not None:
        if as_json:
            raise click.UsageError("--json and --format exclude each other: give one of them")
        click.echo(env_example() if layout == "env" else markdown_table(), nl=False)
        return
    rows = [
        {
            "variable": setting.variable.name,
            "value": setting.value if as_json else setting.value or plain(setting.variable.default),
            "from": setting.origin,
            "meaning": plain(setting.variable.meaning),
        }
        for setting in settings_in_force(load_settings(), from_file=from_file)
    ]
    unknown = unknown_variables()
    if as_json:
        click.echo(json.dumps({"settings": rows, "unknown": unknown}, indent=2))
        return
    show(rows, as_json=False)
    for hint in hints(unknown):
        click.echo(hint, err=True)


def hints(unknown: dict[str, str | None]) -> list[str]:
    """Return a line for each variable that is no setting."""
    return [
        f"{name} is not a setting: " + (f"did you mean {meant}?" if meant else "it has no effect here")
        for name, meant in unknown.items()
    ]


def markdown_table() -> str:
    """Return the settings as docs/reference/settings.md has them; links begin at the project's folder."""
    rows = [f"| `{v.name}` | {v.meaning} | {v.default} |" for v in VARIABLES.values()]
    return "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows, ""])


def env_example() -> str:
    """Return the settings as ``.env.example`` has them: each with a comment, and commented out."""
    parts = [_comment(_HEAD)]
    for v in VARIABLES.values():
        meaning = plain(v.meaning)
        # A value that begins the line stays as it is.
        start = meaning[0] if v.meaning.startswith("`") else meaning[0].upper()
        parts.append(f"{_comment(f'{start}{meaning[1:]}. Default: {plain(v.default)}.')}\n#{v.name}={v.example}")
    return "\n\n".join(parts) + "\n"


def plain(markdown: str) -> str:
    """Return Markdown as text: words without the marks of code, and a link's target in brackets."""
    return _WORD.sub(r"\1", _LINK.sub(r"\1 (\2)", markdown))


def _comment(text: str) -> str:
    return fill(text, 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
