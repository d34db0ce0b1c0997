"""The verbs of the command ``reprise``, each imported when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reprise import __version__
from reprise.cli.overview import MOST_COLUMNS, OPTIONS, SUMMARY, VERBS, find_verbs

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class VerbGroup(click.Group):
    """A group whose commands are imported when they are called, and listed without being imported."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = VERBS[cmd_name][0]
        name = cmd_name if module != f"{cmd_name}_" else module
        command: click.Command = getattr(importlib.import_module(f"reprise.cli.{module}"), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(verb, help=line) for verb, line in find_verbs(incomplete)), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(find_verbs(""))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f'no such command "{args[0]}"; commands: {", ".join(VERBS)}')
        return super().resolve_command(ctx, args)


@click.command(
    cls=VerbGroup,
    help=SUMMARY,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": MOST_COLUMNS},
)
@click.version_option(__version__, prog_name="reprise", help=OPTIONS["--version"])
@click.option("-v", "--verbose", is_flag=True, help=OPTIONS["-v, --verbose"])
@click.option("-q", "--quiet", is_flag=True, help=OPTIONS["-q, --quiet"])
@click.pass_context
def cli(context: click.Context, verbose: bool, quiet: bool) -> None:
    from reprise.cli.messages import tell, wants_colour

    context.color = wants_colour()
    tell(verbose=verbose, quiet=quiet)


def perform_verb(words: Sequence[str]) -> int:
    """Parse a command line, perform it, and return its exit code; faults of the words are reported."""
    from reprise.cli.outcomes import tell_error

    try:
        result = cli.main(list(words), standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        found = getattr(error, "ctx", None)
        tell_error(error.format_message(), f"{found.command_path} --help" if found else None)
        return error.exit_code
    except click.Abort as error:  # click wraps what interrupts it
        cause = error.__cause__
        raise cause if isinstance(cause, KeyboardInterrupt) else KeyboardInterrupt from None
    return result if isinstance(result, int) else 0
