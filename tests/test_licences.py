"""What a user of the wheel gets is under licences that ask for no more than a notice."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, distribution

from lake.settings import PROJECT

# The Mozilla licence binds changes of its own files alone; the Artistic one is a choice beside GPL.
KNOWN = re.compile(r"MIT|BSD|Apache|PSF|ISC|MPL|Mozilla|Artistic|Zlib", re.IGNORECASE)
EXPORT = "uv export --quiet --no-default-groups --no-hashes --no-emit-project --no-header"


def test_dependencies_have_permissive_licences() -> None:
    listed = subprocess.run(EXPORT.split(), cwd=PROJECT, capture_output=True, text=True, check=True)
    names = re.findall(r"^([\w.-]+)==", listed.stdout, re.MULTILINE)
    found = {name: licence(name) for name in names}
    assert len([text for text in found.values() if text]) > 50
    assert {name: text for name, text in found.items() if text and not KNOWN.search(text)} == {}


def licence(name: str) -> str:
    """What the package says of itself; nothing of one that this platform does not have."""
    try:
        facts = distribution(name).metadata.json
    except PackageNotFoundError:
        return ""
    words = [str(facts.get("license_expression") or facts.get("license") or "?").splitlines()[0]]
    return " ".join(words + [c for c in facts.get("classifier", []) if "License ::" in c])
