"""The page's script, and the policy under which it runs: this one and no other."""

import base64
import hashlib
from importlib.resources import files

SCRIPT = files("molgnn.screen.page").joinpath("page.js").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
