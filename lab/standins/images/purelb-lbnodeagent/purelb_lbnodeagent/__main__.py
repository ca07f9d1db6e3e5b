"""The stand-in for PureLB's lbnodeagent: does nothing until it is told to stop.

The real one puts addresses on interfaces of the nodes. Where Calico announces the addresses it is not wanted, and the
tutorial that the lab follows deletes it.
"""

import signal

if __name__ == "__main__":
    print("lbnodeagent stand-in: idle", flush=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
