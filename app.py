"""The CDK application: settings in, stacks out. `cdk synth -c env=dev`."""

from __future__ import annotations

import sys

import settings
from stacks import node, validator


def main() -> None:
    """Synthesise one environment; a wrong setting ends with its lines and exit code 1."""
    node.provide()  # before the import that starts Node
    if validator.wanted():
        validator.start()  # and is at work meanwhile
    from stacks.application import application

    app = application()
    chosen = settings.read(app.node.try_get_context("env") or "dev")
    from stacks.platform import build  # a second of imports that wrong settings need not wait for

    build(app, chosen)
    app.synth()


if __name__ == "__main__":
    try:
        main()
    except (settings.SettingsError, node.NodeError) as error:
        sys.exit(str(error))
