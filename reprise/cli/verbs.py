"""The verbs of the command ``reprise``, each imported when it is called."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import click

from reprise import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# verb -> (module of reprise.cli, and the name of its command; one line for the list of verbs)
VERBS = {
    "run": ("run", "Run a project: a folder, a git URL or an archive."),
    "reproduce": ("reproduce", "Rerun a recorded run and compare the results."),
    "verify": ("verify", "Check whether two runs have the same results."),
    "diff": ("diff", "Show the differences between two runs."),
    "bundle": ("bundle", "Export a run to one file that can be rerun on any machine."),
    "lock": ("lock", "Lock the exact packages of a project."),
    "check": ("check", "Check a project for errors."),
    "runs": ("runs", "List, show, follow, stop and delete runs."),
    "env": ("env", "Manage environments: list, inspect, enter, remove."),
    "experiments": ("experiments", "Manage experiments: list, create, rename, delete."),
    "artifacts": ("artifacts", "List, download and upload the files of a run."),
    "models": ("models", "Manage models: register, serve, package, delete."),
    "import": ("import_", "Import runs from MLflow: a folder, database or server."),
    "push": ("push", "Send runs to an MLflow server."),
    "backup": ("backup", "Back up a store to one file."),
    "restore": ("backup", "Restore a store from a backup."),
    "gc": ("gc", "Permanently remove deleted runs and experiments."),
    "users": ("users", "Manage the users of a server."),
    "ui": ("ui", "View and compare runs in a browser."),
    "server": ("server", "Serve the store over MLflow's REST API."),
}


class Verbs(click.Group):
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

        verbs = [(verb, line) for verb, (_, line) in VERBS.items() if verb.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(verb, help=line) for verb, line in verbs), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            ctx.fail(f'no such command "{args[0]}"; commands: {", ".join(VERBS)}')
        return super().resolve_command(ctx, args)


@click.command(
    cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="reprise")
@click.option("-v", "--verbose", is_flag=True, help="Show what reprise does internally.")
@click.option("-q", "--quiet", is_flag=True, help="Only show warnings and errors.")
def cli(verbose: bool, quiet: bool) -> None:
    """Run MLflow MLproject projects so that every run can be performed again, exactly."""
    from reprise.cli.messages import tell

    tell(verbose=verbose, quiet=quiet)
