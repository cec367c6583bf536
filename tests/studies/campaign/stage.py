"""A command of `simpgan` that is killed when the process that started it ends, however that ends."""

import ctypes
import signal

from simpgan.pipelines.cli import main

PR_SET_PDEATHSIG = 1  # of Linux's prctl

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    main()
