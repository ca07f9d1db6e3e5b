"""`calico_kube_controllers` runs the controllers."""

import signal

from cluster_api.access import Access
from cluster_api.log import log_to_standard_output

from calico_kube_controllers.controller import Controller


def main() -> None:
    """Run until the kubelet says stop."""
    log_to_standard_output()
    controller = Controller(Access.from_environment())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: controller.stop())
    controller.run()


if __name__ == "__main__":
    main()
