"""Whether the file sets of nix/packages.nix, of each service and of the checks, hold all that is compiled and included.

Usage: check_files.py ROOT FACTS SCRATCH, where FACTS is what Nix says (nix/tests/facts.nix). Lays each set out below SCRATCH,
finds there what the sources include, and asks cargo whether that is the locked workspace. Exits 1 when something is missing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

root, facts_file, scratch = map(Path, sys.argv[1:])
problems: list[str] = []

INCLUDE = re.compile(r'include(?:_str|_bytes)?!\(\s*"([^"]+)"\s*\)')
ANY_INCLUDE = re.compile(r"include(?:_str|_bytes)?!\(")
FOLDER = re.compile(r'#\[folder\s*=\s*"([^"]+)"\]|embed_migrations!\(\s*(?:"([^"]+)")?\s*\)')
TEMPLATE = re.compile(r'#\[template\([^)]*path\s*=\s*"([^"]+)"')
PATH = re.compile(r'#\[path\s*=\s*"([^"]+)"\](?:\s*#\[[^\]]*\])*\s*mod \w+;')
MODULE = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", re.MULTILINE)


def read_by(source, crate):
    """What a source file makes the compiler read, each as the paths of which one must be there."""
    text = source.read_text()
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    if len(INCLUDE.findall(code)) != len(ANY_INCLUDE.findall(code)):
        problems.append(f"crate {crate.name}, {source.relative_to(crate)}: an include whose path is not one plain literal: nobody can say what it reads")
    for name in INCLUDE.findall(code):
        yield [source.parent / name]
    for folders in FOLDER.findall(code):
        yield [crate / (folders[0] or folders[1] or "migrations")]
    for name in TEMPLATE.findall(code):
        yield [crate / "templates" / name]
    for name in PATH.findall(code):
        yield [source.parent / name]
    code = PATH.sub("", code)
    is_root = source.name in ("mod.rs", "lib.rs", "main.rs")
    folder = source.parent if is_root else source.parent / source.stem
    for name in MODULE.findall(code):
        yield [folder / f"{name}.rs", folder / name / "mod.rs"]


def check(what, files, crates):
    """Only the sources of `crates` are compiled; of the others cargo wants the manifest."""
    here = scratch / what
    for name in files:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, here / name)
    for crate in [here / "crates" / name for name in crates]:
        for source in crate.rglob("*.rs"):
            for choices in read_by(source, crate):
                if not any(choice.exists() for choice in choices):
                    problems.append(f"{what}: {source.relative_to(here)} reads {os.path.relpath(choices[0], here)}, which nix/packages.nix leaves out")
    cargo = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1"], cwd=here, capture_output=True, text=True, check=False
    )
    if cargo.returncode != 0:
        problems.append(f"{what}: cargo does not take its files: {cargo.stderr.strip()}")


facts = json.loads(facts_file.read_text())
for service, files in facts["files"].items():
    check(service, files, ["broker", "platform", "messages", service])
check("checks", facts["checks"], [crate.name for crate in (root / "crates").iterdir()])

print("\n".join(dict.fromkeys(problems)) or f"the file sets of {', '.join(facts['files'])} and of the checks are complete")
sys.exit(bool(problems))
