"""Runs in an environment of conda-lock's own.

``read FILE`` prints what its parser finds; ``write FILE`` writes what stdin says with its model.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from conda_lock.lockfile import parse_conda_lock_file, write_conda_lock_file
from conda_lock.lockfile.v1.models import LockMeta
from conda_lock.lockfile.v2prelim.models import HashModel, LockedDependency, Lockfile
from conda_lock.models.channel import Channel


def read(file: Path) -> dict[str, Any]:
    content = parse_conda_lock_file(file)
    return {
        "channels": [channel.url for channel in content.metadata.channels],
        "platforms": list(content.metadata.platforms),
        "packages": [
            {
                **{name: getattr(item, name) for name in ("name", "version", "manager", "platform", "url")},
                "sha256": item.hash.sha256,
                "md5": item.hash.md5,
                "dependencies": item.dependencies,
                "categories": sorted(item.categories),
            }
            for item in content.package
        ],
    }


def write(file: Path, content: dict[str, Any]) -> None:
    packages = [
        LockedDependency(
            **{
                name: item[name]
                for name in ("name", "version", "manager", "platform", "url", "dependencies")
            },
            hash=HashModel(sha256=item["sha256"], md5=item["md5"]),
            categories=set(item["categories"]),
        )
        for item in content["packages"]
    ]
    about = LockMeta(
        content_hash=dict.fromkeys(content["platforms"], "0" * 64),
        channels=[Channel.from_string(url) for url in content["channels"]],
        platforms=content["platforms"],
        sources=["conda.yaml"],
    )
    write_conda_lock_file(Lockfile(package=packages, metadata=about), file, metadata_choices=None)


if __name__ == "__main__":
    verb, name = sys.argv[1:]
    if verb == "read":
        print(json.dumps(read(Path(name))))
    else:
        write(Path(name), json.load(sys.stdin))
