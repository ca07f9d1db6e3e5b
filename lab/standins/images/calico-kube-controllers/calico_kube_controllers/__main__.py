"""`calico_kube_controllers` runs the controllers."""

from cluster_api.access import Access
from cluster_api.log import log_to_standard_output
from cluster_api.termination import Termination

from calico_kube_controllers.controller import Controller


def main() -> None:
    """Run until the kubelet says stop."""
    termination = Termination()
    log_to_standard_output()
    controller = Controller(Access.from_environment())
    termination.then(controller.stop)
    controller.run()


if __name__ == "__main__":
    main()
