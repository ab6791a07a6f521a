"""Start MiniStack with what it lacks for this project's stacks. `python rehearsal/ministack_extension`.

Runs in MiniStack's own environment and imports nothing of this project: SageMaker is asked over HTTP at
REHEARSAL_SAGEMAKER_URL. MiniStack's internals are used in these few modules only, hence its exact pin.
"""

from __future__ import annotations

import os

import arns
import events
import permissions
import resources
import sagemaker
import schedules
import trust
from ministack import app

for adapter in (sagemaker, resources, events, schedules):
    adapter.install()
if "REHEARSAL_PERMISSIONS" in os.environ:
    arns.install()
    permissions.install()
    trust.install()
# With TLS it would listen at port 443 as well, for a service that is not rehearsed.
app._port_is_bindable = lambda _host, _port: False
app.main()
