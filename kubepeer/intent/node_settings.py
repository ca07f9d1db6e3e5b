"""What single nodes have of their own: labels, annotations, taints, the kubelet's settings.

The forms: Kubernetes' concepts "Labels and Selectors", "Taints and Tolerations".
"""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from kubepeer.intent.arguments import Arguments, KubeletFields, Scalar, text_of, words
from kubepeer.intent.section import Section

OURS = "kubepeer.io/"  # annotations of our own


QUALIFIED = re.compile(r"(?:(?P<prefix>[a-z0-9.-]{1,253})/)?(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)")
LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def _qualified(name: str) -> None:
    if not QUALIFIED.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of Kubernetes: [PREFIX/]NAME, NAME at most 63 letters, digits, -, _ and ."
        )
    if name.split("/", maxsplit=1)[0].endswith(OURS.rstrip("/")):
        raise ValueError(f"{name}: what ends in {OURS} is Kubepeer's own")


def _labels(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        _qualified(name)
        if not LABEL_VALUE.fullmatch(text):
            raise ValueError(f"{name}: a label's value has at most 63 letters, digits, -, _ and . (found {text!r})")
    return value


def _annotations(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        _qualified(name)
    return value


def _texts(value: object) -> object:
    return {str(name): text_of(text) for name, text in value.items()} if isinstance(value, dict) else value


Texts = Annotated[dict[str, str], BeforeValidator(_texts, json_schema_input_type=dict[str, Scalar])]


class Taint(Section):
    """What keeps pods away from a node that do not tolerate it.

    Attributes:
        key: with the effect it is what the taint is known by.
        value: of the taint.
        effect: on pods that do not tolerate it.

    """

    key: str
    value: Annotated[str, BeforeValidator(text_of, json_schema_input_type=Scalar)] = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        _qualified(self.key)
        if not LABEL_VALUE.fullmatch(self.value):
            raise ValueError(f"a taint's value has at most 63 letters, digits, -, _ and . (found {self.value!r})")
        return self


class NodeSettings(Section):
    """What one node has of its own; of the host and all groups that it is in: the nearest says what a name has.

    Attributes:
        labels: of the Node.
        annotations: of the Node.
        taints: of the Node.
        kubelet_configuration: fields of KubeletConfiguration, each whole, in the place of the cluster's.
        kubelet_extra_args: arguments of the kubelet, without hyphens.

    """

    labels: Annotated[Texts, AfterValidator(_labels)] = Field(default_factory=dict)
    annotations: Annotated[Texts, AfterValidator(_annotations)] = Field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    kubelet_configuration: KubeletFields = Field(default_factory=dict)
    kubelet_extra_args: Annotated[Arguments, AfterValidator(words)] = Field(default_factory=dict)
