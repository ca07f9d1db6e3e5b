"""`purelb_allocator` runs the allocator."""

import os

from cluster_api.access import Access
from cluster_api.log import log_to_standard_output
from cluster_api.termination import Termination

from purelb_allocator.controller import Controller
from purelb_allocator.habits import Habits


def main() -> None:
    """Run until the kubelet says stop."""
    termination = Termination()
    log_to_standard_output()
    habits = Habits.of(os.environ.get("PURELB_VERSION", "0.0.1"))
    controller = Controller(Access.from_environment(), os.environ.get("NAMESPACE", "purelb"), habits)
    termination.then(controller.stop)
    controller.run()


if __name__ == "__main__":
    main()
