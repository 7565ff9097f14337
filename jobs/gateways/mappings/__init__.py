"""Whose tables, under which names: the one mapping between our words and other services' schemas.

`original.toml` has the names of the client's first document, `okla.toml` those of OKLA's services as they are. A file
of somebody else's extends one of the two, or says all of it.
"""

from pathlib import Path

from django.conf import settings

from jobs.gateways.mappings.mapping import Analyses, Figure, Mapping, Step, VehicleStatuses
from jobs.gateways.mappings.reading import MappingFault, read

__all__ = ["NAMES", "Analyses", "Figure", "Mapping", "MappingFault", "Step", "VehicleStatuses", "mapping_named"]

VARIABLE = "SCHEDULER_TABLE_MAPPING"
HERE = Path(__file__).parent
NAMES = ("original", "okla")
SUFFIX = ".toml"


def mapping_named(name: str) -> Mapping:
    """One of NAMES, or the file of that path. Raises MappingFault, which names what is wrong and the remedy."""
    bases = {known: HERE / f"{known}{SUFFIX}" for known in NAMES}
    if name in bases:
        return read(bases[name], bases)
    if not name.endswith(SUFFIX):
        known = ", ".join(NAMES)
        raise MappingFault(f"{VARIABLE} is {name!r}; choose from: {known}, or name a file that ends with {SUFFIX}.")
    path = Path(settings.BASE_DIR) / name
    if not path.is_file():
        raise MappingFault(f"{VARIABLE} is {name!r}, and there is no such file: looked for {path}.")
    return read(path, bases)
