"""``tradematrix completion``: what makes a shell complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from tradematrix_pipelines.errors import UsageError

_COMMAND = "tradematrix"
_VARIABLE = "_TRADEMATRIX_COMPLETE"
_HOW = {
    "bash": 'eval "$(tradematrix completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(tradematrix completion zsh)" in ~/.zshrc',
    "fish": "tradematrix completion fish | source in ~/.config/fish/config.fish",
}


@click.command(help="Print the completion script of SHELL. To have it always:\n\n\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> None:
    known = get_completion_class(shell)
    if known is None:
        raise UsageError(f"click has no completion of {shell}: it has {', '.join(_HOW)}")
    click.echo(known(ctx.find_root().command, {}, _COMMAND, _VARIABLE).source())
