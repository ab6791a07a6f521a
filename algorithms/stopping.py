"""SIGTERM, which comes before SIGKILL: the process ends within moments, whatever it computes.

Python runs its own signal handlers between bytecodes, and one call into BLAS or faiss may last for minutes. A
thread that waits for the signal does not have to wait for such a call.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

EXIT_STOPPED = 128 + signal.SIGTERM


def stop_on_sigterm(unfinished: Path) -> None:
    """From now on SIGTERM removes the file `unfinished` and ends the process with exit code 143.

    To be called before a library starts threads of its own: they inherit the blocked signal.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_wait, args=(unfinished,), daemon=True, name="stop-on-sigterm").start()


def _wait(unfinished: Path) -> None:
    signal.sigwait({signal.SIGTERM})
    unfinished.unlink(missing_ok=True)
    # Not through sys.stderr, whose lock the interrupted thread may hold.
    os.write(2, b"Stopped by SIGTERM; no model was written.\n")
    os._exit(EXIT_STOPPED)
