"""What goes wrong when pandas reads a file, said in one sentence that names what to write."""

import gzip
import os
import re
import struct
import zipfile
import zlib
from difflib import get_close_matches
from pathlib import Path
from traceback import walk_tb
from urllib.error import URLError

import pandas as pd
from IPython import get_ipython

from utils.own_table.names import separator_of, suggestion
from utils.own_table.sentences import FORMATS, say
from utils.tables import TableError

UNREADABLE: tuple[type[Exception], ...] = (ImportError, OSError, ValueError, LookupError, TypeError, EOFError)
UNREADABLE += (AttributeError, zipfile.BadZipFile, zlib.error, struct.error)
NOT_PACKED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError)
SYMBOLS = re.compile(FORMATS["symbols"])


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Read a file by the reader that its name asks for, else as CSV. Raises TableError with what ``advice`` says."""
    stem = re.sub(r"\.(zip|gz|bz2|xz|zst)$", "", str(path).lower())
    reader, options = FORMATS["readers"].get(os.path.splitext(stem)[1], ["read_csv", {}])
    try:
        return getattr(pd, reader)(path, **options)
    except UNREADABLE as error:
        raise TableError(advice(error)) from None


def explain_errors() -> None:
    """Let this notebook show one sentence, and no traceback, where a file cannot be read or a name is not there."""
    shell = get_ipython()
    if shell is None:
        return
    earlier, show_earlier = shell.custom_exceptions, shell.CustomTB

    def show(self, kind, error, trace, tb_offset=None):
        if sentence := advice(error):
            self._showtraceback(kind, error, [f"{kind.__name__}: {sentence}"])
        elif issubclass(kind, earlier):
            show_earlier(kind, error, trace, tb_offset)
        else:
            self.showtraceback((kind, error, trace), tb_offset, running_compiled_code=True)

    shell.set_custom_exc((*earlier, *UNREADABLE, NameError), show)


def advice(error: BaseException) -> str | None:
    """One sentence on an error that pandas raised while it read a file; None if it was not that."""
    frames = [(each.f_globals.get("__name__", ""), each.f_locals) for each, _ in walk_tb(error.__traceback__)]
    if isinstance(error, NameError) or not any("pandas" in name for name, _ in frames):
        return _unquoted(error, frames)
    if isinstance(error, KeyError | AttributeError):
        return _not_there(error, frames)
    reading = [values for name, values in frames if name.startswith("pandas.io")]
    return _not_read(error, _path(reading)) if reading else None


def _not_read(error: BaseException, path: str | None) -> str:
    """One sentence on an error of the reader of this file; None is a file without a name."""
    where = f"{path!r}" if path else "the file"
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, ImportError):
        return _package(error, path)
    if isinstance(error, FileNotFoundError):
        return _no_file(path or said)
    if isinstance(error, URLError) or (path and re.match(r"(https?|ftp)://", path)):
        return say("file_unreached", where=where, said=said)
    if isinstance(error, IsADirectoryError):
        return say("file_is_folder", where=where, beside=_beside(Path(path or ".")))
    if known := next((known for words, known in FORMATS["errors"].items() if words in said), None):
        return say(known, where=where, path=path)
    if path and isinstance(error, ValueError) and "Multiple files found" in said:
        names = zipfile.ZipFile(path).namelist()
        return say("file_many", where=where, count=len(names), path=path, first=names[0], names=", ".join(names[:5]))
    if path and "Worksheet" in said:
        names = pd.ExcelFile(path).sheet_names
        return say("file_sheets", where=where, names=", ".join(map(repr, names)), first=names[0])
    if isinstance(error, NOT_PACKED):
        return say("file_not_packed", where=where, said=said)
    data = Path(path).read_bytes()[:1_000_000] if path and os.path.isfile(path) and os.access(path, os.R_OK) else b""
    if kind := _kind(data, path):
        return say("file_is_kind", where=where, kind=kind)
    if isinstance(error, UnicodeError) or (b"\0" in data and isinstance(error, ValueError)):
        fits = [say("fits_word" if word else "fits", name=each, word=word) for each, word in encodings_of(data).items()]
        return say("file_encoding" if fits else "file_no_encoding", where=where, fits=" or ".join(fits))
    if isinstance(error, pd.errors.ParserError):
        return _not_parsed(where, said, data)
    return say("file_unreadable", where=where, error=type(error).__name__, said=said.rstrip("."))


def encodings_of(data: bytes) -> dict[str, str]:
    """The encodings that the bytes of a text may be in, the likeliest first, each with a word that it reads."""
    from charset_normalizer import from_bytes

    if mark := next((mark for mark in FORMATS["marks"] if data.startswith(mark.encode("latin-1"))), None):
        return {FORMATS["marks"][mark]: ""}
    if data and (nulls := data.count(b"\0")) > len(data) / 4:
        return {"utf-16-be" if data[::2].count(b"\0") > nulls / 2 else "utf-16-le": ""}
    data = data[:100_000]
    likely = ["cp1252"] if SYMBOLS.sub("", data.decode("cp1252", "replace")).isascii() else FORMATS["letters"]
    texts = {text: each for each in likely if (text := _spelled(data, each))} if data else {}
    if data and not texts:  # of few letters none can be sure
        few = 6 if sum(byte > 127 for byte in data) < 12 else 1
        guesses = list(from_bytes(data, cp_isolation=FORMATS["encodings"]))[:few]
        texts = {str(each): each.encoding for each in reversed(guesses)}
    words = [re.findall(r"\w*[^\W\x00-\x7f]\w*", text) for text in texts]
    shown = next((each for each in zip(*words, strict=False) if len(set(each)) > 1), [""] * len(texts))
    return dict(reversed(list(zip(texts.values(), shown, strict=True))))


def _spelled(data: bytes, encoding: str) -> str | None:
    """The text, if its letters are of one language that is written in this encoding, and most words have Latin ones."""
    text = data.decode(encoding, "replace")
    words = re.findall(r"\w+", bare := SYMBOLS.sub("", text))
    letters = {letter.lower()[0] for letter in bare} - set(map(chr, range(128)))
    known = any(letters <= set(language) for language in FORMATS["letters"][encoding])
    strange = [word for word in words if not word.isascii()]
    return text if known and sum(bool(re.search("[A-Za-z]", word)) for word in strange) >= len(strange) / 2 else None


def _path(reading: list[dict]) -> str | None:
    """What the reader was asked to read, as its first frames have it."""
    names = ("filepath_or_buffer", "path_or_buf", "path_or_buffer", "path", "io", "source", "args")
    for value in (values.get(name) for values in reading for name in names):
        value = value[0] if isinstance(value, tuple) and value else value
        value = getattr(value, "name", value) if hasattr(value, "read") else value
        if isinstance(value, str | os.PathLike):
            return os.fspath(value)
    return None


def _kind(data: bytes, path: str | None) -> str | None:
    if data[:2] == b"PK":
        book = b"xl/" in data or b"[Content_Types]" in data
        return FORMATS["zipped"]["book" if book else "file"].format(path=path)
    if str(path).endswith((".gz", ".bz2", ".xz", ".xml", ".html")):
        return None
    begin, kinds = data.lstrip().decode("latin-1"), FORMATS["beginnings"].items()
    return next((kind.format(path=path) for start, kind in kinds if begin.startswith(start)), None)


def _beside(folder: Path) -> str:
    return ", ".join(sorted(each.name for each in folder.iterdir() if each.name[0] != ".")[:5]) or "no file"


def _no_file(path: str) -> str:
    folder = Path(path).expanduser().parent
    if not folder.is_dir():
        return say("file_folder_missing", path=path, folder=str(folder), here=os.getcwd())
    names = sorted(each.name for each in folder.iterdir() if each.is_file())
    if near := get_close_matches(Path(path).name, names, 1, 0.5):
        return say("file_nearest", path=path, near=str(folder / near[0]))
    return say("file_beside", path=path, folder=folder.absolute(), beside=_beside(folder))


def _package(error: ImportError, path: str | None) -> str:
    found = re.search(r"(?:dependency|using:|module named|Import|requires?) '?([\w.-]+)", str(error))
    name = found[1] if found and found[1] != "fastparquet" else "pyarrow"
    if path and re.match(r"s3[an]?://", path):
        return say("package_of_s3", path=path, name=Path(path).name)
    return say("package", name=name, what=f" for {path!r}" if path else "")


def _not_parsed(where: str, said: str, data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if mark := separator_of(first):
        return say("file_separated", where=where, mark=mark)
    if found := re.search(r"Expected (?P<expected>\d+) fields in line (?P<line>\d+), saw (?P<saw>\d+)", said):
        return say("file_ragged", where=where, skip=int(found["line"]) - 1, **found.groupdict())
    return say("file_no_csv", where=where, said=said.removeprefix("Error tokenizing data. ").rstrip("."))


def _not_there(error: KeyError | AttributeError, frames: list[tuple[str, dict]]) -> str | None:
    """A column that a cell asked a table for, as in table["name"], table[["name"]] and table.name."""
    tables = [values["self"] for name, values in frames if name.startswith("pandas.core") and "self" in values]
    table = next((each for each in tables if isinstance(each, pd.DataFrame)), None)
    name = error.name if isinstance(error, AttributeError) else error.args[0]
    listed = re.search(r"\['(.+?)'.*\] (?:not|are) ", name) if isinstance(name, str) else None
    if table is None or not isinstance(name, str | int) or hasattr(pd.DataFrame, str(name)):
        return None
    name = listed[1] if listed else name
    return say("name_is_missing", name=name, suggestion=suggestion(name, table))


def _unquoted(error: BaseException, frames: list[tuple[str, dict]]) -> str | None:
    """A column's name without quotes: the reader's table has it, the notebook does not."""
    table = next((values["table"] for name, values in frames if name == "__main__" and "table" in values), None)
    if not isinstance(error, NameError) or not isinstance(table, pd.DataFrame) or error.name not in table:
        return None
    return say("name_is_unquoted", name=error.name)
