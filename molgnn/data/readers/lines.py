"""Bytes to numbered lines of text, whatever the bytes are."""

from collections.abc import Iterable, Iterator

from molgnn.data.readers.stream import Source
from molgnn.errors import Refusal

# What is longer is no molecule: it is cut off and reported, so that memory stays bounded.
LONGEST = 16 << 20
SHOWN = 200
NOT_UTF8 = "not valid UTF-8"

Line = tuple[int, str, str]


def read_lines(source: Source) -> Iterator[Line]:
    """(number, text, problem) of each physical line, from 1, without its end (LF, CRLF or CR).

    A line that is not UTF-8 or is longer than LONGEST has a problem and what can be shown of its
    text. A damaged file ends with one such line: what was left after its last complete line.
    """
    number = 0
    for number, (raw, problem) in enumerate(_raw_lines(source), 1):
        if number == 1:
            raw = _without_mark(raw, source.name)
        try:
            yield number, raw.decode(), problem
        except UnicodeDecodeError:
            yield number, raw.decode(errors="replace"), problem or NOT_UTF8


def _raw_lines(source: Source) -> Iterator[tuple[bytes, str]]:
    rest, problem = b"", ""
    for block in _with_lf(source):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield (line[:SHOWN] if problem else line), problem
            problem = ""
        if len(rest) > LONGEST:
            rest, problem = rest[:SHOWN], f"line longer than {LONGEST >> 20} MiB"
    if rest or source.broken:
        yield rest, source.broken or problem


def _with_lf(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks with every CRLF and lone CR as LF, also where a block ends between the two."""
    held = b""
    for block in blocks:
        block, held = held + block, b""
        if b"\r" in block:
            if block.endswith(b"\r"):
                block, held = block[:-1], b"\r"
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield block
    if held:
        yield b"\n"


def _without_mark(raw: bytes, name: str) -> bytes:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refusal(f"{name}: the file is UTF-16: save it as UTF-8 (Excel: 'CSV UTF-8')")
    return raw.removeprefix(b"\xef\xbb\xbf")
