"""Whether every path that a Nix file names is there, and known to Git, which is all that a flake sees of a checkout.

Usage: check_paths.py FILE... Prints each path that is not, and exits 1.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

PATH = re.compile(r"(?<![\w./])\.{1,2}/[\w+-][\w.+/-]*")
problems: list[str] = []
listing = ["git", "ls-files"] if shutil.which("git") else ["true"]  # outside of a checkout nothing is listed
tracked = subprocess.run(listing, capture_output=True, text=True, check=False)
known = {Path(line).resolve() for line in tracked.stdout.splitlines()}
known |= {folder for file in known for folder in file.parents}

for file in map(Path, sys.argv[1:]):
    code = re.sub(r"#.*", "", file.read_text())
    for name in PATH.findall(code):
        path = (file.parent / name).resolve()
        if not path.exists():
            problems.append(f"{file}: {name} is not there")
        elif known and path not in known:
            problems.append(f"{file}: {name} is not known to Git, so that the flake does not see it: git add")

print("\n".join(problems) or "every path is there")
sys.exit(bool(problems))
