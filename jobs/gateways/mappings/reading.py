"""A mapping's file read strictly: what it extends, what it says itself, and a sentence for all that cannot be meant."""

import tomllib
from collections.abc import Iterator
from collections.abc import Mapping as ReadOnlyMapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from jobs.gateways.mappings.entries import AnalysesEntry, MappingEntries, StatusEntry, StepEntry, TableEntry
from jobs.gateways.mappings.mapping import Figure, Mapping
from jobs.gateways.mappings.words import WORDS

# Of these a file may say a part only.
JOINED = ("appointments", "vehicles", "statuses", "analyses", "users")
REMEDY = "docs/neighbours.md tells what a mapping may say"
Content = dict[str, Any]


class MappingFault(ImproperlyConfigured):
    """A mapping that cannot be used. The text names the file, each key at fault, and what belongs there."""


def read(path: Path, bases: ReadOnlyMapping[str, Path]) -> Mapping:
    """The mapping of a file. `bases`: what it may extend. Raises MappingFault."""
    try:
        own = _content(path)
        base = own.pop("extends", None)
        if base is not None and base not in bases:
            raise MappingFault(f"extends: {base!r} is no mapping to extend; choose from {', '.join(bases)}")
        entries = MappingEntries.model_validate(_merged(_content(bases[base]), own) if base else own)
        if faults := list(_faults(entries)):
            raise MappingFault("; ".join(faults))
        return entries.mapping(path.stem)
    except ValidationError as fault:
        found = "; ".join(_sentence(error) for error in fault.errors(include_url=False, include_input=False))
        raise MappingFault(f"The table mapping {path} cannot be used: {found}. {REMEDY}.") from None
    except ImproperlyConfigured as fault:
        raise MappingFault(f"The table mapping {path} cannot be used: {fault}. {REMEDY}.") from fault


def _content(path: Path) -> Content:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise MappingFault(f"it cannot be read as TOML: {fault}") from fault


def _merged(base: Content, own: Content) -> Content:
    """JOINED are joined key by key, their `columns` word by word; whatever else is named takes the base's place."""
    merged = {**base, **own}
    for key in JOINED:
        known, given = base.get(key), own.get(key)
        if isinstance(given, dict) and isinstance(known, dict):
            merged[key] = {**known, **given}
            if isinstance(given.get("columns"), dict) and isinstance(known.get("columns"), dict):
                merged[key]["columns"] = {**known["columns"], **given["columns"]}
    return merged


# --- What no single entry can tell -----------------------------------------------------------------------------------
def _faults(entries: MappingEntries) -> Iterator[str]:
    for room, words in WORDS.items():
        for place, entry in _tables(entries, room):
            for word in words.must:
                if word not in entry.columns:
                    yield f"{place}.columns.{word} is missing: name the column that is our {word!r}"
            for word in entry.columns:
                if word not in words.all:
                    yield f"{place}.columns.{word} is no word of ours; {room} have {', '.join(words.all)}"
    yield from _faults_of_prices(entries)


def _faults_of_prices(entries: MappingEntries) -> Iterator[str]:
    has, analyses = entries.vehicles.columns, entries.analyses
    if ("suggested_price" in has) == bool(analyses):
        yield "name vehicles.columns.suggested_price or analyses, one of the two, for the suggested prices"
    for word, key, given in (
        ("condition", "conditions", entries.conditions),
        ("mileage_unit", "kilometres", entries.kilometres),
    ):
        if (word in has) != bool(given):
            yield f"vehicles.columns.{word} and {key} belong together: give both or none"
    if not analyses:
        return
    if (Figure.POSITION in analyses.figures.values()) != bool(analyses.positions):
        yield "analyses.positions and a figure that is position belong together: give both or none"
    limits = [step.up_to for step in analyses.positions]
    if limits and (limits[-1] or None in limits[:-1] or limits[:-1] != sorted(filter(None, limits))):
        yield "analyses.positions: each needs an up_to above the one before, and the last one none"


def _tables(entries: MappingEntries, room: str) -> list[tuple[str, TableEntry]]:
    found = getattr(entries, room)
    if isinstance(found, list):
        return [(f"{room}[{number}]", entry) for number, entry in enumerate(found)]
    return [(room, found)] if found else []


# --- What pydantic found, in our words -------------------------------------------------------------------------------
def _sentence(error: ErrorDetails) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    if error["type"] == "extra_forbidden":
        return f"{place} is no key that a mapping knows; there are {', '.join(_keys_beside(error['loc']))}"
    if error["type"] == "missing":
        return f"{place} is missing"
    return f"{place}: {error['msg'].removeprefix('Value error, ')}"


def _keys_beside(place: tuple[int | str, ...]) -> list[str]:
    """Those that are known where that one stands."""
    if len(place) == 1:
        return ["extends", *MappingEntries.model_fields]
    entries = {"statuses": StatusEntry, "analyses": StepEntry if "positions" in place[:-1] else AnalysesEntry}
    return list(entries.get(str(place[0]), TableEntry).model_fields)
