"""The inventory from a source of truth, where config.yaml names one: asked once a run, before anything else."""

from kubepeer.errors import InventoryError
from kubepeer.intent.files import entries
from kubepeer.settings import Settings
from kubepeer.sources.options import Source


def gather(settings: Settings) -> Settings:
    """The settings with what the source gives; as they are where the inventory stands in files, or has been asked for.

    Raises:
        UnreachableError: the source does not answer, or refuses the token.
        UsageError: it is none, or refuses a parameter.
        InventoryError: the token cannot be read, or an object is not what the table expects.

    """
    if settings.source is None or settings.given is not None:
        return settings
    # few inventories need them
    from kubepeer.sources.mapping import inventory_of  # noqa: PLC0415
    from kubepeer.sources.nautobot import ask_nautobot  # noqa: PLC0415
    from kubepeer.sources.netbox import ask_netbox  # noqa: PLC0415

    source: Source = settings.source
    options = source.options
    purpose = f"the token of {source.plugin} (inventory.options.token)"
    token = options.token.read(purpose, settings.folder)
    if not token.isascii() or " " in token:
        raise InventoryError(f"{purpose} is no token: it has a sign that none has", cure="look at its source")
    ask = ask_netbox if source.plugin == "NetBox" else ask_nautobot
    answers = ask(options, token, settings.folder)
    groups = entries(settings.group_file, settings.shown(settings.group_file))
    return settings.model_copy(update={"given": inventory_of(answers, options.map, groups, options.url)})
