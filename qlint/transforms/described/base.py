"""What a transform of descriptions is given and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from qlint.files.description.records import Description
    from qlint.transforms.patch import Class, Declined


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One rewrite of a description.

    Attributes:
        transform: its transform's name.
        klass: "exact" (the same numbers) or "equivalent" (equal in exact arithmetic).
        id, type: the layer it is about; of the whole network its class is the type, and the id is empty.
        title: what is done, in a few words.
    """

    transform: str
    klass: Class
    id: str
    type: str
    title: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a transform made of a description.

    Attributes:
        description: the very one that was given where there was nothing to do.
        applied: what was done, in the order of the network.
        declined: layers left alone, and why.
    """

    description: Description
    applied: tuple[Rewrite, ...] = ()
    declined: tuple[Declined, ...] = ()


class DescribedTransform(Protocol):
    """A kind of rewrite of descriptions. Stateless: the same description yields the same result.

    Attributes:
        name: as in rule files, with dashes.
    """

    name: str

    def run(self, description: Description) -> Outcome:
        """Do all there is to do; what comes out has nothing left for this transform.

        Raises:
            DescriptionError: the description contradicts itself.
        """
        ...
