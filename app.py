"""The CDK application: settings in, stacks out. `cdk synth -c env=dev`."""

from __future__ import annotations

import sys

import settings
from stacks.platform import application, build


def main() -> None:
    """Synthesise one environment; a wrong setting ends with its lines and exit code 1."""
    app = application()
    environment = app.node.try_get_context("env") or "dev"
    try:
        chosen = settings.read(environment)
    except settings.SettingsError as error:
        sys.exit(str(error))
    build(app, chosen)
    app.synth()


if __name__ == "__main__":
    main()
