"""inventory.options of config.yaml where the inventory is NetBox or Nautobot: where that is, and the table that maps it. Pure."""

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kubepeer.intent.section import Section
from kubepeer.intent.values import NOT_SHOWN
from kubepeer.secret import SecretSource

Scalar = str | int | bool
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _no_token_itself(value: Any) -> Any:
    if isinstance(value, str | int):
        raise PydanticCustomError(
            NOT_SHOWN, "the token itself stands in the file; name where it comes from: env, file or command"
        )
    return value


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class AddressOf(Section):
    """One of a device's IP addresses, by exactly one of these.

    Attributes:
        tag: the address has this tag.
        role: the address has this role: loopback, vip, ...
        interface: it is assigned to the interface of this name.
        primary: true: it is the device's primary address of its family.

    """

    tag: str | None = None
    role: str | None = None
    interface: str | None = None
    primary: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "AddressOf":
        if sum(value is not None for _, value in self) != 1:
            raise ValueError("names exactly one of tag, role, interface, primary")
        return self

    def __str__(self) -> str:
        return next(key if value is True else f"{key} {value}" for key, value in self if value is not None)


class PrefixOf(Section):
    """The prefix of a site or location, by its role.

    Attributes:
        role: of the prefix.

    """

    role: str


def _form(value: Any) -> str | None:
    """Which of the forms below a value has: a mistake is then told in the words of that one."""
    if isinstance(value, str):
        return FIELD
    if isinstance(value, AddressOf | PrefixOf) or (
        isinstance(value, dict) and value.keys() <= AddressOf.model_fields.keys()
    ):
        return SELECTED
    return PARTS if isinstance(value, dict) else None


# names of forms, which pydantic puts among the keys that lead to a mistake: settings.py leaves them out again
FIELD, SELECTED, PARTS = "<field>", "<selected>", "<parts>"
NEITHER = "a field of the device, or {tag|role|interface: NAME} or {primary: true}, or a mapping of keys to such fields"
From = Annotated[
    Annotated[str, Tag(FIELD)] | Annotated[AddressOf, Tag(SELECTED)] | Annotated[dict[str, str], Tag(PARTS)],
    Discriminator(_form, custom_error_type="form", custom_error_message=NEITHER),
]
Network = Annotated[
    Annotated[str, Tag(FIELD)] | Annotated[PrefixOf, Tag(SELECTED)],
    Discriminator(_form, custom_error_type="form", custom_error_message="a field of the place, or {role: NAME}"),
]
Groups = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Racks(Section):
    """What is a rack: nodes on one link, behind the routers that stand there, too.

    Attributes:
        of: what of the device: its site, location or rack.
        network: of the link: the prefix of that place with a role, or a field of the place.
        as_number: a field of the place: `asns` of a site, custom_fields.NAME.

    """

    of: Literal["site", "location", "rack"]
    network: Network
    as_number: str | None = None


class Map(Section):
    """The table: what of NetBox or Nautobot is what of the inventory.

    Attributes:
        roles: role of a device -> groups; none (~): such devices are not in the inventory. The order of the roles is that of the hosts.
        platforms: platform of a device -> groups.
        tags: tag of a device -> groups.
        hostname: the field with the address that SSH goes to.
        nodes: key of a node under data: -> a field of the device, or one of its addresses (of the key interface: whose that is); a mapping
            of such fields where the key is one.
        routers: the same of a router.
        networks: key of cluster.networks -> role of the prefixes that it is.
        as_number: tag of the AS number that is cluster.bgp.as_number.
        racks: what is a rack; not said: the cluster has none.
        config_context: key of the config context whose content is merged into data:.

    """

    roles: dict[str, Groups | None] = Field(min_length=1)
    platforms: dict[str, Groups] = Field(default_factory=dict)
    tags: dict[str, Groups] = Field(default_factory=dict)
    hostname: str = "primary_ip"
    nodes: dict[str, From] = Field(default_factory=dict)
    routers: dict[str, From] = Field(default_factory=dict)
    networks: dict[str, str] = Field(default_factory=dict)
    as_number: str | None = None
    racks: Racks | None = None
    config_context: str = "kubepeer"

    @property
    def wants_addresses(self) -> bool:
        """Whether a device's further addresses are asked for."""
        return any(isinstance(one, AddressOf) for table in (self.nodes, self.routers) for one in table.values())

    @property
    def prefix_roles(self) -> list[str]:
        """The roles of all prefixes that it names."""
        links = [self.racks.network.role] if self.racks and isinstance(self.racks.network, PrefixOf) else []
        return sorted({*self.networks.values(), *links})


class SourceOptions(Section):
    """inventory.options of config.yaml.

    Attributes:
        url: of NetBox or Nautobot, as in a browser, without /api.
        token: where the token comes from; one that may read is enough.
        ca_file: certificates that its own is checked against; not said: those of the system.
        allow_http: the token may cross the network unencrypted.
        timeout_seconds: for one answer.
        filter_parameters: of the API's list of devices: which are in the inventory.
        prefix_parameters: the same of prefixes.
        group_file, defaults_file: as SimpleInventory has them.
        map: the table.

    """

    url: str
    token: Annotated[SecretSource, BeforeValidator(_no_token_itself)]
    ca_file: str | None = None
    allow_http: bool = False
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    filter_parameters: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    prefix_parameters: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    group_file: str = "inventory/groups.yaml"
    defaults_file: str = "inventory/defaults.yaml"
    map: Map

    @field_validator("url")
    @classmethod
    def _plain(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise PydanticCustomError(NOT_SHOWN, "has a login in it; the token is named under token")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an address like https://netbox.example.org")
        return url.rstrip("/").removesuffix("/api")

    @model_validator(mode="after")
    def _encrypted(self) -> "SourceOptions":
        parts = urlsplit(self.url)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK and not self.allow_http:
            raise ValueError("url is http: the token would cross the network unencrypted; https, or allow_http: true")
        return self


class Source(Section):
    """Where the inventory stands, if not in a host file.

    Attributes:
        plugin: whose API it is.
        options: where, and what means what.

    """

    plugin: Literal["NetBox", "Nautobot"]
    options: SourceOptions

    @model_validator(mode="after")
    def _has_what_the_table_names(self) -> "Source":
        table = self.options.map
        if self.plugin == "Nautobot" and table.as_number is not None:
            raise ValueError(
                "options.map.as_number: Nautobot has no AS numbers; cluster.bgp.as_number says it in a file or a config context"
            )
        if self.plugin == "Nautobot" and table.racks and table.racks.of == "site":
            raise ValueError("options.map.racks.of: Nautobot has no sites; location or rack")
        return self
