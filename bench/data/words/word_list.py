"""Common English words of four letters, and which split each belongs to."""

from __future__ import annotations

import functools
import hashlib

_LISTED = """
able acid army aunt away baby back ball band bank barn base bath bean bear beat been bell belt bend best bike bill
bird blue boat body bold bolt bone book boot born both bowl burn bush busy cage cake call calm came camp card care
cart case cash cast cave cell chin city clay club coal coat code coin cold come cook cool copy corn cost crab crew
crop cube cure curl dark data date dawn days deal dear deck deep deer desk dial dine dirt dish dive dock does done
door down draw drop drum duck dune dust duty each earn east easy echo edge else even ever exit face fact fair fall
farm fast fear feed feel feet fern file fill film find fine fire firm fish flag flat flew flow foam fold folk fond
food foot ford fork form fort four free frog from fuel full game gate gave gear gift girl give glad glow glue goal
goat goes gold golf gone good gown grab gray grew grid grow gulf hair half hall hand hard harp have head heal hear
heat held help herb here hero high hill hire hold hole holy home hood hope horn host hour huge hunt idea inch into
iron item jazz join joke jump june just keen keep kept kick kind king kite knee knew knot know lace lady lake lamb
lamp land lane last late lawn lead leaf lean left lend lens less life lift like lime line lion list live load loaf
loan lock long look loop loud love luck lump lung made mail main make many mark mask mass meal mean meat melt
menu mild mile milk mill mind mine mint miss mist moon more moss most moth move much must myth nail name near neat
neck need nest news next nice nine node none noon nose note oath oats oven over pace pack page paid palm park part
past path pear pick pier pine pink pipe plan play plot plum plus poem poet pole pond pony pool port post pour pull
pump pure push quiz race rail rain rank rare read real reed reef rest rice rich ride ring rise risk road rock role
roll roof room root rope rose ruby rule rush rust safe said sail salt same sand save seal seat seed seem self sell
send ship shoe shop show side sign silk sing sink site size skin slip slow snow soap sock soft soil some song soon
sort soup spin spot star stay stem step stop such suit sure swan swim tail take tale talk tall tame tank tape task
taxi team tell tent term test text than that them then thin this tide tidy tile time tiny tone tool tour town tree
trip true tube tune turn twin type unit upon vast vein verb very view vine vote wait wake walk wall want warm wash
wave wear weed week well went were west what when whom wide wife wild will wind wine wing wire wise wish with wolf
wood wool word work yard yarn year your zero zone zoom
"""
WORDS = tuple(_LISTED.split())
"""All of one length, so that a word is not harder to read at one size than at another because it is longer."""

SPLITS = ("test", "test", "validation", "train", "train", "train", "train", "train", "train", "train")
"""Tenths of all words, by the remainder of a word's hash."""


@functools.cache
def words_of(split: str) -> tuple[str, ...]:
    """The words of "train", "validation" or "test"; no two splits share one."""
    return tuple(word for word in WORDS if SPLITS[_remainder(word)] == split)


def _remainder(word: str) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") % len(SPLITS)
