"""Start MiniStack with what it lacks for this project's stacks. `python rehearsal/ministack_extension`.

Runs in MiniStack's own environment and imports nothing of this project: SageMaker is asked over HTTP at
REHEARSAL_SAGEMAKER_URL. MiniStack's internals are used in these few modules only, hence its exact pin.
"""

from __future__ import annotations

import events
import resources
import sagemaker
import schedules
from ministack.app import main

for adapter in (sagemaker, resources, events, schedules):
    adapter.install()
main()
