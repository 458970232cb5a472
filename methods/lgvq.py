"""LG-VQ: language guidance around any method (Liang et al. 2024)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field
from typing_extensions import override

from bench.contracts.arguments import Count, Share, Temperature, Weight
from bench.contracts.method import MaskAt, Method, TextEncoder
from bench.errors import UsageError
from bench.methods.parts.autoencoder import Autoencoder
from bench.methods.parts.codebook_renewal import Init, Revive
from bench.methods.parts.language.guided import LanguageGuidance, LanguageGuided
from bench.methods.parts.language.losses import Masking, Reduction
from bench.methods.parts.language.variants import OTHER_WEIGHTS, RELEASED_WEIGHTS, VARIANTS, LossWeights, Switches
from bench.presets import Preset
from bench.registry import methods

Loss = Literal["gsa", "mtp", "ras"]
Defaults = TypeVar("Defaults", Switches, LossWeights)


@methods.register("lgvq")
@methods.register("lgvq-gsa", arguments={"losses": ("gsa",)})
@methods.register("lgvq-mtp", arguments={"losses": ("mtp",)})
@methods.register("lgvq-ras", arguments={"losses": ("ras",)})
@methods.register("lgvq-gsa-mtp", arguments={"losses": ("gsa", "mtp")})
@methods.register("lgvq-gsa-ras", arguments={"losses": ("gsa", "ras")})
@methods.register("lgvq-mtp-ras", arguments={"losses": ("mtp", "ras")})
@methods.register("lgvq-vae", arguments={"base": "vqvae"})
@methods.register("lgvq-vae-gsa", arguments={"base": "vqvae", "losses": ("gsa",)})
@methods.register("lgvq-vae-mtp", arguments={"base": "vqvae", "losses": ("mtp",)})
@methods.register("lgvq-vae-ras", arguments={"base": "vqvae", "losses": ("ras",)})
@methods.register("lgvq-vae-gsa-mtp", arguments={"base": "vqvae", "losses": ("gsa", "mtp")})
@methods.register("lgvq-vae-gsa-ras", arguments={"base": "vqvae", "losses": ("gsa", "ras")})
@methods.register("lgvq-vae-mtp-ras", arguments={"base": "vqvae", "losses": ("mtp", "ras")})
@methods.register("lgvq-cvq", arguments={"base": "cvq-l2-contrastive"})
@methods.register("lgvq-cvq-gsa", arguments={"base": "cvq-l2-contrastive", "losses": ("gsa",)})
@methods.register("lgvq-cvq-mtp", arguments={"base": "cvq-l2-contrastive", "losses": ("mtp",)})
@methods.register("lgvq-cvq-ras", arguments={"base": "cvq-l2-contrastive", "losses": ("ras",)})
@methods.register("lgvq-cvq-gsa-mtp", arguments={"base": "cvq-l2-contrastive", "losses": ("gsa", "mtp")})
@methods.register("lgvq-cvq-gsa-ras", arguments={"base": "cvq-l2-contrastive", "losses": ("gsa", "ras")})
@methods.register("lgvq-cvq-mtp-ras", arguments={"base": "cvq-l2-contrastive", "losses": ("mtp", "ras")})
@dataclass(frozen=True)
class LgVq(Method):
    """LG-VQ: a codebook guided by captions; global alignment, masked text and relationship losses around a base.

    base: the method it wraps; codes, init and revive go to it where they are given. losses: which of "gsa", "mtp",
    "ras". variant: "released" or "paper". gsa, mtp, ras: loss weights, by default the released ones of the data set.
    The rest overrides single switches of the variant, see `Switches`.
    """

    paper: ClassVar[str] = "arXiv:2405.14206"
    needs_text: ClassVar[bool] = True
    base: str = "vqgan"
    codes: Count | None = None
    init: Init | None = None
    revive: Revive | None = None
    losses: Annotated[tuple[Loss, ...], Field(min_length=1)] = ("gsa", "mtp", "ras")
    variant: Literal["released", "paper"] = "released"
    gsa: Weight | None = None
    mtp: Weight | None = None
    ras: Weight | None = None
    codebook_gradient: bool | None = None
    legacy: bool | None = None
    temperature: Temperature | None = None
    gsa_reduction: Reduction | None = None
    masking: Masking | None = None
    mask_at: MaskAt | None = None
    label_smoothing: Share | None = None
    padding_mask: bool | None = None
    ras_text: Literal["contextual", "embeddings"] | None = None
    ras_head: bool | None = None
    ras_sign: bool | None = None
    ras_specials: bool | None = None
    ras_reduction: Reduction | None = None

    @override
    def wraps(self) -> str:
        return self.base

    @override
    def build(self, preset: Preset, dataset: str, text: TextEncoder | None) -> LanguageGuided:
        """The untrained tokenizer; its base starts as it would alone under the same seed.

        Raises:
            UsageError: an unknown loss, no text encoder, a base that cannot be guided or has no `legacy`.
        """
        unknown = set(self.losses) - set(LossWeights._fields)
        if unknown or not self.losses:
            raise UsageError(f"losses={self.losses}: give some of {', '.join(LossWeights._fields)}")
        if text is None:
            raise UsageError("LG-VQ needs a text encoder")
        switches = self._with_given(VARIANTS[self.variant])
        base = self._base(switches).build(preset, dataset, text)
        if not isinstance(base, Autoencoder):
            raise UsageError(f"{self.base} cannot be guided: its tokenizer is no methods.parts.autoencoder.Autoencoder")
        if switches.codebook_gradient and not base.discrete:
            raise UsageError(f"{self.base} has no codebook; give lgvq.codebook_gradient=False")
        guidance = LanguageGuidance(preset.grid**2, preset.width, text, self.losses, switches)
        weights = self._with_given(RELEASED_WEIGHTS.get(dataset, OTHER_WEIGHTS))
        return LanguageGuided(base, guidance, weights._asdict())

    def _base(self, switches: Switches) -> Method:
        """The method to wrap, as its registration has it but for `legacy` and what was given for it."""
        entry = methods.get(self.base)
        base = entry.load()
        takes = {field.name for field in dataclasses.fields(base)}
        given = {name: getattr(self, name) for name in ("codes", "init", "revive", "legacy")}
        given = {name: value for name, value in given.items() if value is not None}
        if given.keys() - takes:
            raise UsageError(f"{self.base} has no argument {', '.join(map(repr, sorted(given.keys() - takes)))}")
        if "legacy" in takes:
            given["legacy"] = switches.legacy
        method: Method = base(**dict(entry.facts.arguments) | given)
        return method

    def _with_given(self, defaults: Defaults) -> Defaults:
        """The defaults, replaced where this method was given a value of the same name."""
        given = {name: getattr(self, name) for name in defaults._fields if getattr(self, name) is not None}
        return defaults._replace(**given)
