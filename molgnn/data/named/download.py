"""Fetch a file once: to a temporary name, checked, and only then under its own name."""

import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from molgnn import __version__
from molgnn.errors import Refusal

_BLOCK = 1 << 16
_TIMEOUT = 30.0
Progress = Callable[[int, int], None]


@contextmanager
def renamed_when_done(path: Path) -> Iterator[Path]:
    """A temporary file's path beside ``path``, which gets its name if the block succeeds and is
    removed if not: a file under its own name is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def download(
    url: str, path: Path, md5: str, remedy: str = "try again", progress: Progress | None = None
) -> Path:
    """Bring ``url`` to ``path``; ``progress(bytes so far, bytes in all or 0)``.

    Raises Refusal, and leaves no file, where the network fails or the md5 is another.
    """
    with renamed_when_done(path) as partial:
        try:
            digest, size, expected = _copy(url, partial, progress)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Refusal(f"{url}: can't be fetched to {path}: {reason}: {remedy}") from None
        if digest != md5:
            cut = f"cut off after {size} of {expected} bytes, " if size < expected else ""
            raise Refusal(
                f"{url}: {cut}md5 {digest} where {md5} was expected: {path} is not "
                f"written: {remedy}"
            )
    return path


def _copy(url: str, path: Path, progress: Progress | None) -> tuple[str, int, int]:
    """(md5, bytes written, bytes announced or 0)."""
    # md5 is what the source publishes: it guards against damage, not against an attacker.
    digest, size = hashlib.md5(usedforsecurity=False), 0
    request = urllib.request.Request(url, headers={"User-Agent": f"molgnn/{__version__}"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as reply, open(path, "wb") as out:
        expected = int(reply.headers.get("Content-Length") or 0)
        while block := reply.read(_BLOCK):
            out.write(block)
            digest.update(block)
            size += len(block)
            if progress:
                progress(size, expected)
    return digest.hexdigest(), size, expected
