"""What is found among a user's own files, before it is one data set's splits."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from bench.data.reading.examples import Listing
from bench.data.reading.splits import Division
from bench.data.reading.walk import Found


@dataclass
class Own:
    """What was found, as it is found.

    told: the split that the place of each image tells. listing: examples of all splits, and all problems. division: how
    images were divided into splits in the end. remarks: one line each; see `FromFiles.unused`.
    """

    told: dict[str, str | None] = field(default_factory=dict)
    listing: Listing = field(default_factory=Listing)
    remarks: list[str] = field(default_factory=list)
    division: Division = field(default_factory=lambda: Division({}, ""))

    def of_split(self, split: str) -> Listing:
        """The examples of a split, and the problems that are told there: those that name no image with training."""
        splits = self.division.splits
        mine = [example for example in self.listing.examples if splits.get(example.key) == split]
        return Listing(mine, self.listing.of_part(lambda key: splits.get(key) == split, split == "train").problems)


@dataclass
class OwnFolder(Own):
    """A folder of images.

    images: by their keys. captions: of each. listed: images that a list names. told_by: what tells splits. passed_by:
    files that look like lists and are none. silent: JSON files beside images that hold no captions.
    """

    images: dict[str, Found] = field(default_factory=dict)
    captions: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    listed: set[str] = field(default_factory=set)
    told_by: str = "folders"
    passed_by: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


@dataclass
class OwnShards(Own):
    """Shards.

    captioned: whether any image has captions. broken: shards that are damaged or cut off, and why. counts: images of
    each shard. again: images whose key came before in their shard, with the first one's. asides: where what is told
    without being wrong stands, by its kind.
    """

    captioned: bool = False
    broken: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    again: dict[str, str] = field(default_factory=dict)
    asides: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
