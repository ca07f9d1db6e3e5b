"""`tigera_operator` runs the operator."""

import os
import signal

from cluster_api.access import Access
from cluster_api.log import log_to_standard_output

from tigera_operator.operator import Operator


def main() -> None:
    """Run until the kubelet says stop."""
    log_to_standard_output()
    operator = Operator(Access.from_environment(), os.environ["CALICO_NODE_IMAGE"])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: operator.stop())
    operator.run()


if __name__ == "__main__":
    main()
