"""What a runbook is handed to know the nodes of a cluster that Kubepeer did not build; all else is loaded where there is such a cluster."""

from kubepeer.run import Run


def know_members(run: Run) -> None:
    """Put the nodes that the cluster's API tells of into the run's intent.

    Raises:
        KubepeerError: the API cannot be asked, or what it tells does not fit the inventory.

    """
    from tasks.adopt.tasks import know_members as know  # noqa: PLC0415  few clusters are somebody else's

    know(run)
