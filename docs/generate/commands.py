"""Every command of ``tradematrix`` with its arguments and options, from click."""

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from docs.generate.markdown import code, prose, table
from tradematrix_pipelines.cli.main import main


def commands() -> str:
    """Return a section for each command, and one below it for each of its subcommands."""
    with click.Context(main, info_name="tradematrix") as context:
        return "\n\n".join(
            section
            for name in main.list_commands(context)
            if (command := main.get_command(context, name)) is not None
            for section in _sections(context, name, command, level=3)
        )


def _sections(parent: click.Context, name: str, command: click.Command, *, level: int) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        title = context.command_path.removeprefix("tradematrix ")
        options = _options(context, command)
        pieces = [piece for piece in command.collect_usage_pieces(context) if options or piece != "[OPTIONS]"]
        usage = " ".join([context.command_path, *pieces])
        parts = [f"{'#' * level} {title}", f"```text\n{usage}\n```", _help(command), options]
        yield "\n\n".join(part for part in parts if part)
        if isinstance(command, click.Group):
            for subname, subcommand in command.commands.items():
                yield from _sections(context, subname, subcommand, level=level + 1)


def _help(command: click.Command) -> str:
    paragraphs = re.split(r"\n{2,}", cleandoc(command.help or ""))
    return "\n\n".join(
        # click leaves the lines of a paragraph that begins so as they are.
        f"```text\n{paragraph.removeprefix(chr(8)).strip(chr(10))}\n```"
        if paragraph.startswith("\b")
        else prose(" ".join(paragraph.split()))
        for paragraph in paragraphs
    )


def _options(context: click.Context, command: click.Command) -> str:
    rows = [
        (code(_names(option)), prose(" ".join((option.help or "").split())), _default(context, option))
        for option in command.get_params(context)
        if isinstance(option, click.Option) and not option.hidden and "--help" not in option.opts
    ]
    return table(("option", "meaning", "default"), rows).strip() if rows else ""


def _names(option: click.Option) -> list[str]:
    names = [*option.opts, *option.secondary_opts]
    if option.is_flag or option.count:
        return names
    value = option.metavar or _choices(option) or option.type.name.removesuffix(" range").upper()
    return [*names[:-1], f"{names[-1]} {value}"]


def _choices(option: click.Option) -> str | None:
    if not isinstance(option.type, click.Choice):
        return None
    return "|".join(str(getattr(choice, "value", choice)) for choice in option.type.choices)


def _default(context: click.Context, option: click.Option) -> str:
    default = option.get_default(context, call=False)
    if option.is_flag or not isinstance(default, str | int | float):
        return ""
    return f"`{default}`"
