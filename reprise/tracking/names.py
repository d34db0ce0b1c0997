"""Identifiers, the clock, and the random names of runs and models that were given none."""

from __future__ import annotations

import os
import time

_ADJECTIVES = """
able agile amber ample apt ardent azure bold brave breezy bright brisk calm candid careful clear clever
cosy crisp curious daring deft eager early fair fancy fleet fond frank free fresh gentle glad golden
grand happy hardy honest humble jolly keen kind lively lofty loyal lucid lucky mellow merry mild modest
neat nimble noble patient placid plucky polite prompt proud quick quiet rapid rare ready robust rosy
serene sharp shiny silent silver sincere smooth snappy spry steady stout sturdy subtle sunny sure swift
tender tidy upbeat vivid warm wise witty zesty
"""
_NOUNS = """
acorn alder anchor aspen badger basil beacon beaver birch bison breeze brook canyon cedar clover comet
condor copper coral cove crane creek cricket delta dune eagle elm ember falcon fern finch fjord forest
fox garnet geyser glacier grove harbor hare hawk hazel heron hill iris island ivy jasper juniper kelp
kestrel lagoon lake lark laurel lemur lichen lily linden lynx maple marten meadow mesa moss oak ocean
opal orchid osprey otter owl pebble pine plover pond poplar prairie quartz quail raven reed ridge river
robin saffron sage salmon seal sparrow spruce summit swan thistle thrush tide topaz trout tulip tundra
valley violet walnut willow wren yarrow
"""


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """32 random hex digits."""
    return os.urandom(16).hex()


def random_name() -> str:
    """For example ``brisk-otter-417``; a seed that a script sets does not repeat it."""
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    return f"{adjectives[_below(len(adjectives))]}-{nouns[_below(len(nouns))]}-{_below(1000)}"


def _below(limit: int) -> int:
    return int.from_bytes(os.urandom(4), "big") % limit
