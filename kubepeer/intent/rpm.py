"""Package repositories of rpm, as dnf and yum read them. Pure."""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from kubepeer.intent.values import written

RepositoryName = Annotated[str, written(r"[A-Za-z0-9_.-]+", "a repository's name has letters, digits, _, . and -")]
Address = Annotated[str, written(r"\S+", "this is one address, without a space")]


class RpmRepository(BaseModel):
    """A repository of rpm packages; `$releasever` and `$basearch` in its address are dnf's own variables, and left to it.

    Attributes:
        name: its id on the node is this with kubepeer- before it.
        baseurl: where its repodata is.
        gpgkey: address or file of the key that its packages are signed with; fetched by the controller, and placed as a file.
        unsigned: says, in the place of a key, that its packages are signed by nobody: [trusted=yes] of apt.
        repo_gpgcheck: its metadata is signed by that key, too.

    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: RepositoryName
    baseurl: Address
    gpgkey: Address | None = None
    unsigned: bool = False
    repo_gpgcheck: bool = False

    @model_validator(mode="after")
    def _signed_or_said_not_to_be(self) -> Self:
        if self.unsigned and (self.gpgkey or self.repo_gpgcheck):
            raise ValueError("unsigned: true is for a repository without a gpgkey")
        if not self.unsigned and not self.gpgkey:
            raise ValueError("needs a gpgkey, or unsigned: true where nobody signs its packages")
        return self


def _each_once(repositories: tuple[RpmRepository, ...]) -> tuple[RpmRepository, ...]:
    names = [repository.name for repository in repositories]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two repositories have the name {name}")
    return repositories


RpmRepositories = Annotated[tuple[RpmRepository, ...], AfterValidator(_each_once), Field(default=())]
