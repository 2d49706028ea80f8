"""Versions of the packages: the newest ones for constraints.txt, and the lowest ones.

    python .ci/versions.py pins      # write the newest versions to constraints.txt
    python .ci/versions.py lowest    # print the lowest versions that are allowed

"make pins", "make test-lowest" and "make test-highest" use it. Nothing is installed
here: pip resolves, and reports what it would install.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PINS = REPOSITORY / "constraints.txt"
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What torch brings along where there is a GPU; the pins are for all machines.
OF_GPUS = re.compile(r"nvidia-|cuda-|triton")


def main(command: str) -> None:
    """Run a command."""
    if command == "pins":
        write_pins(resolve())
    elif command == "lowest":
        print(*list_lowest(), sep="\n")
    else:
        sys.exit(f"{command!r} is unknown.\n{__doc__}")


def list_lowest() -> Iterator[str]:
    """Yield a pin for the lower bound of every requirement, "a>=1.0" as "a==1.0"."""
    requirements = [*PROJECT["dependencies"], *(r for e in EXTRAS.values() for r in e)]
    for requirement in sorted(set(requirements), key=str.casefold):
        name, bound, lowest = requirement.partition(">=")
        if not bound or "," in lowest:
            sys.exit(f"{requirement!r} is not of the form 'name>=version'.")
        yield f"{name}=={lowest}"


def resolve() -> dict[str, str]:
    """Return the newest versions of all packages that fit together, by name."""
    wanted = f"{REPOSITORY}[{','.join(EXTRAS)}]"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
    command += ["--ignore-installed", "--report", "-", wanted]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603
    installed = json.loads(done.stdout)["install"]
    versions = {
        item["metadata"]["name"]: item["metadata"]["version"].partition("+")[0]
        for item in installed
    }
    return {
        name: version
        for name, version in sorted(versions.items(), key=lambda item: item[0].lower())
        if name != PROJECT["name"] and not OF_GPUS.match(name.lower())
    }


def write_pins(versions: dict[str, str]) -> None:
    """Replace the pins below the comment of constraints.txt; say what has changed."""
    lines = PINS.read_text("utf-8").splitlines()
    before = dict(line.split("==") for line in lines if "==" in line[:60])
    before = {name: of for name, of in before.items() if not name.startswith("#")}
    header = [line for line in lines if line.startswith("#")]
    pins = [f"{name}=={version}" for name, version in versions.items()]
    PINS.write_text("\n".join([*header, *pins]) + "\n", "utf-8")
    for name in sorted({*before, *versions}, key=str.lower):
        old, new = before.get(name, "none"), versions.get(name, "none")
        if old != new:
            print(f"{name}: {old} -> {new}")


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
