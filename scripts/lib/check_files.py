"""Whether the file set of each service (nix/packages.nix) holds all that its build reads.

Usage: check_files.py ROOT FACTS SCRATCH, where FACTS is what Nix says (nix/tests/facts.nix). Lays each set out below SCRATCH,
finds there what the sources include, and asks cargo whether that is the locked workspace. Exits 1 when something is missing.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

root, facts_file, scratch = map(Path, sys.argv[1:])
problems = []

INCLUDE = re.compile(r'include(?:_str|_bytes)?!\(\s*"([^"]+)"\s*\)')
FOLDER = re.compile(r'#\[folder\s*=\s*"([^"]+)"\]|embed_migrations!\(\s*(?:"([^"]+)")?\s*\)')
TEMPLATE = re.compile(r'#\[template\([^)]*path\s*=\s*"([^"]+)"')
MODULE = re.compile(r"^\s*(?:pub(?:\([a-z]+\))? )?mod (\w+);", re.MULTILINE)


def read_by(source, crate):
    """What a source file makes the compiler read, each as the paths of which one must be there."""
    text = source.read_text()
    code = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    for name in INCLUDE.findall(code):
        yield [source.parent / name]
    for folders in FOLDER.findall(code):
        yield [crate / (folders[0] or folders[1] or "migrations")]
    for name in TEMPLATE.findall(code):
        yield [crate / "templates" / name]
    is_root = source.name in ("mod.rs", "lib.rs", "main.rs")
    folder = source.parent if is_root else source.parent / source.stem
    for name in MODULE.findall(code):
        yield [folder / f"{name}.rs", folder / name / "mod.rs"]


def check(service, files):
    here = scratch / service
    for name in files:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, here / name)
    for name in ("platform", "messages", service):
        crate = here / "crates" / name
        for source in crate.rglob("*.rs"):
            for choices in read_by(source, crate):
                if not any(choice.exists() for choice in choices):
                    problems.append(f"{service}: {source.relative_to(here)} reads {choices[0].resolve().relative_to(here.resolve())}, which nix/packages.nix leaves out")
    cargo = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1"], cwd=here, capture_output=True, text=True, check=False
    )
    if cargo.returncode != 0:
        problems.append(f"{service}: cargo does not take its files: {cargo.stderr.strip()}")


facts = json.loads(facts_file.read_text())
for service, files in facts["files"].items():
    check(service, files)

print("\n".join(problems) or f"the file sets of {', '.join(facts['files'])} are complete")
sys.exit(bool(problems))
