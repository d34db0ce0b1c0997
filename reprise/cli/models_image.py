"""``reprise models build-docker``: build an image that serves a model."""

from __future__ import annotations

import logging

import click

from reprise.cli import show
from reprise.cli.model_options import model_options, policy_of
from reprise.cli.options import json_option, opened, tracking_option

log = logging.getLogger(__name__)


@click.command("build-docker")
@model_options
@click.option("-n", "--name", required=True, metavar="NAME[:TAG]", help="Name of the image.")
@click.option(
    "--base",
    metavar="IMAGE",
    help="Base image with the lock's Python. [default: python:X.Y.Z-slim; for conda debian:12-slim]",
)
@click.option("--platform", metavar="OS/ARCH", help="linux/amd64 or linux/arm64. [default: the engine's]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8080,
    show_default=True,
    help="Port of the server in the container.",
)
@tracking_option
@json_option
def build_docker(
    uri: str,
    name: str,
    base: str | None,
    env_manager: str | None,
    python: str | None,
    platform: str | None,
    port: int,
    offline: bool,
    tracking_uri: str | None,
    json_: bool,
) -> None:
    """Build an image from a model's lock that serves it with MLflow's scoring server.

    Packages are downloaded on this machine, with its settings, and verified against the lock. Nothing runs
    during the build, and the image contains no credentials. The same model and lock give the same layers.
    """
    from reprise.runner.models.folder import is_address, open_model
    from reprise.runner.models.image import WantedImage, build_image

    policy = policy_of(python, offline)
    wanted = WantedImage(name, base, env_manager, platform, port)
    with (
        opened(tracking_uri, make=not is_address(uri)) as tracking,
        open_model(tracking, uri) as model,
    ):
        image = build_image(model, wanted, policy)
    if json_:
        show.as_json({"name": image.name, "id": image.id, "platform": image.platform, "port": port})
    else:
        log.info("Serve it with: docker run --rm -p 127.0.0.1:%d:%d %s", port, port, image.name)
