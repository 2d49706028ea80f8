"""``sklearn-csg2a inspect``: what a model file holds."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sklearn_csg2a.cli._arguments import add_general, new_command

if TYPE_CHECKING:
    from sklearn_csg2a.persistence import ModelFile

__all__ = ["add_parser"]

_DESCRIPTION = """\
Show what a model file holds, without building the model: its class, parameters and
genes, the card (data, terms, measured errors), versions and sizes. The checksums of
the file are verified, and no code of it is run."""

_EXAMPLES = """\
  sklearn-csg2a inspect model.csg2a
  sklearn-csg2a inspect model.csg2a --genes > genes.txt
  sklearn-csg2a inspect model.csg2a --json"""
_SHOWN = 8
_MOST = 40  # entries of a card that are written one by one


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = new_command(
        commands,
        "inspect",
        summary="show what a model file holds",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "model", metavar="MODEL", help="the file, or the name of a shipped model"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help="write all of it as JSON")
    what.add_argument(
        "--genes", action="store_true", help="write the genes alone, one per line"
    )
    add_general(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the content."""
    from sklearn_csg2a import inspect_model

    content = inspect_model(arguments.model)
    if arguments.json:
        text = json.dumps(dataclasses.asdict(content), indent=2, default=str)
        lines = [text]
    elif arguments.genes:
        lines = list(content.genes or ())
    else:
        lines = list(_describe(content))
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _describe(content: ModelFile) -> Iterator[str]:
    """Yield lines about a model."""
    yield f"class: {content.class_name}"
    size = f"{content.n_bytes / 1e6:.1f} MB, {content.n_numbers:,} numbers"
    yield f"size: {size}, format {content.format_version}"
    if content.genes is None:
        yield "genes: none"
    else:
        yield f"genes: {len(content.genes):,}, {_shorten(content.genes)}"
    for place, table in content.left_out.items():
        shape = f"{table.get('n_cells', '?')} cells, {table.get('n_genes', '?')} genes"
        yield f"not stored: {place} ({shape})"
    yield "parameters:"
    for name, value in sorted(content.parameters.items()):
        if value is not None:
            yield f"  {name} = {value!r}"
    versions = ", ".join(f"{name} {of}" for name, of in content.versions.items())
    yield f"written by: {versions}"
    yield from _describe_card(content.card)


def _describe_card(card: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a card."""
    if card is None:
        yield "card: none"
        return
    if not isinstance(card, dict):
        yield "card:"
        yield from (f"  {line}" for line in str(card).splitlines())
        return
    if not indent:
        yield "card:"
    for name, value in card.items():
        if isinstance(value, dict) and len(value) > _MOST:
            yield f"{indent}  {name}: {_shorten(tuple(map(str, value)))}"
        elif isinstance(value, dict):
            yield f"{indent}  {name}:"
            yield from _describe_card(value, f"{indent}  ")
        elif isinstance(value, str) and "\n" in value:
            yield f"{indent}  {name}:"
            yield from (f"{indent}    {line}" for line in value.splitlines())
        else:
            yield f"{indent}  {name}: {value}"


def _shorten(names: tuple[str, ...]) -> str:
    """List the first names."""
    rest = len(names) - _SHOWN
    listed = ", ".join(names[:_SHOWN])
    return f"{listed} ... and {rest:,} more" if rest > 0 else listed
