"""What goes wrong when pandas reads a file, said in one sentence that names what to write."""

import gzip
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from urllib.error import URLError

import pandas as pd
from IPython import get_ipython

from utils.own_table.names import separator_of, suggestion
from utils.tables import TableError

UNREADABLE = (ImportError, OSError, ValueError, LookupError, TypeError, EOFError, AttributeError)
UNREADABLE += (zipfile.BadZipFile, zlib.error, struct.error)
READERS: dict[str, Callable[..., pd.DataFrame]] = {
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".parquet": pd.read_parquet,
    ".feather": pd.read_feather,
    ".json": pd.read_json,
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".xlsx": pd.read_excel,
    ".xls": pd.read_excel,
    ".xlsm": pd.read_excel,
    ".ods": pd.read_excel,
}
# How files begin that are no text, and what reads them.
BEGINNINGS = {
    b"PAR1": "a Parquet file; write pd.read_parquet({path!r})",
    b"ARROW1": "a Feather file; write pd.read_feather({path!r})",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; write pd.read_excel({path!r})",
    b"\x1f\x8b": 'packed by gzip; write compression="gzip" in pd.read_csv',
    b"BZh": 'packed by bzip2; write compression="bz2" in pd.read_csv',
    b"\xfd7zXZ": 'packed by xz; write compression="xz" in pd.read_csv',
    b"<": "a web page or XML, not a table; fetch the file itself (on GitHub that is the button Raw)",
}
# The Korean, Japanese, Chinese, Western, Central European, Cyrillic and Arabic encodings that spreadsheets write.
ENCODINGS = ["cp949", "cp932", "gb18030", "big5", "cp1252", "cp1250", "cp1251", "cp1256"]


def read(path: str | os.PathLike) -> pd.DataFrame:
    """Read a file by the reader that its name asks for: a CSV file, unless it ends like another kind.

    Raises TableError with what ``advice`` says.
    """
    stem = re.sub(r"\.(zip|gz|bz2|xz|zst)$", "", str(path).lower())
    reader = READERS.get(os.path.splitext(stem)[1], pd.read_csv)
    try:
        return reader(path)
    except UNREADABLE as error:
        raise TableError(advice(error)) from None


def explain_errors() -> None:
    """Let this notebook show one sentence, and no traceback, where pandas cannot read a file.

    The same for a name in the three lines that the table or the notebook does not have.
    """
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
    frames = list(_frames(error.__traceback__))
    if isinstance(error, NameError) or not any("pandas" in name for name, _ in frames):
        return _unquoted(error, frames)
    if isinstance(error, KeyError | AttributeError):
        return _not_there(error, frames)
    reading = [values for name, values in frames if name.startswith("pandas.io")]
    if not reading:
        return None
    path = _path(reading)
    where = f"{path!r}" if path else "the file"
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, ImportError):
        return _package(error, path)
    if isinstance(error, FileNotFoundError):
        return _no_file(path or said)
    if isinstance(error, URLError) or (path and re.match(r"(https?|ftp)://", path)):
        return f"{where} cannot be fetched ({said}); download it with a browser, and read the file from here."
    if isinstance(error, IsADirectoryError):
        return f"{where} is a folder; name a file in it (it has {_beside(path)})."
    if isinstance(error, ValueError) and "Excel file format" in said:
        return f"{where} is no Excel workbook; write pd.read_csv({path!r})."
    if isinstance(error, ValueError) and "Multiple files found" in said:
        names = zipfile.ZipFile(path).namelist()
        return (
            f"{where} holds {len(names)} files, and one is wanted; write import zipfile and then "
            f"pd.read_csv(zipfile.ZipFile({path!r}).open({names[0]!r})), or another of {', '.join(names[:5])}."
        )
    if isinstance(error, gzip.BadGzipFile | zipfile.BadZipFile | zlib.error | EOFError):
        return f"{where} is not packed as its name says ({said}); write compression=None, or fetch it again."
    data = _bytes(path)
    if kind := _kind(data, path):
        return f"{where} is {kind}."
    if isinstance(error, pd.errors.EmptyDataError):
        return f"{where} is empty; its first line must name the columns."
    if isinstance(error, UnicodeError) or (b"\0" in data and isinstance(error, ValueError)):
        fits = encoding_of(data)
        fit = f'; write encoding="{fits}"' if fits else '; try encoding="cp1252", "cp949" or "utf-16"'
        return f"{where} is not in UTF-8{fit} in pd.read_csv."
    if isinstance(error, pd.errors.ParserError):
        return _not_parsed(where, said, data)
    if isinstance(error, ValueError) and "Trailing data" in said:
        return f"{where} has one JSON object a line; write pd.read_json({path!r}, lines=True)."
    return f"pandas cannot read {where}: {type(error).__name__}: {said.rstrip('.')}."


def encoding_of(data: bytes) -> str | None:
    """The encoding that the bytes of a text are in, if it can be told: of those that ``read_csv`` is asked for."""
    from charset_normalizer import from_bytes

    if not data:
        return None
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if (nulls := data.count(b"\0")) > len(data) / 4:
        return "utf-16-be" if data[::2].count(b"\0") > nulls / 2 else "utf-16-le"
    found = [match.encoding for match in from_bytes(data[:100_000], cp_isolation=ENCODINGS)]
    # The two agree on most accented letters of Western Europe, where the first is far more common.
    return "cp1252" if found[:1] == ["cp1250"] and "cp1252" in found else next(iter(found), None)


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, dict]]:
    while trace:
        yield trace.tb_frame.f_globals.get("__name__", ""), trace.tb_frame.f_locals
        trace = trace.tb_next


def _path(reading: list[dict]) -> str | None:
    """What the reader was asked to read, as its first frames have it."""
    names = ("filepath_or_buffer", "path_or_buf", "path_or_buffer", "path", "io", "source", "args")
    for values in reading:
        for name in names:
            value = values.get(name)
            value = value[0] if isinstance(value, tuple) and value else value
            value = getattr(value, "name", value) if hasattr(value, "read") else value
            if isinstance(value, str | os.PathLike):
                return os.fspath(value)
    return None


def _bytes(path: str | None) -> bytes:
    try:
        return Path(path or "").read_bytes()[:1_000_000]
    except (OSError, ValueError):
        return b""


def _kind(data: bytes, path: str | None) -> str | None:
    if data[:2] == b"PK":
        book = b"xl/" in data or b"[Content_Types]" in data
        done = "an Excel workbook; write pd.read_excel({path!r})" if book else BEGINNINGS[b"\x1f\x8b"]
        return done.replace("gzip", "zip").format(path=path)
    begin = data.lstrip()
    text = next((text for start, text in BEGINNINGS.items() if begin.startswith(start)), None)
    return text and not str(path).endswith((".gz", ".bz2", ".xz", ".xml", ".html")) and text.format(path=path) or None


def _beside(path: str | None) -> str:
    folder = Path(path or ".")
    return ", ".join(sorted(each.name for each in folder.iterdir() if each.name[0] != ".")[:5]) or "no file"


def _no_file(path: str) -> str:
    folder = Path(path).expanduser().parent
    told = f"There is no file {path!r}"
    if not folder.is_dir():
        return f"{told}: the folder {str(folder)!r} is not there, counted from {os.getcwd()!r}."
    names = sorted(each.name for each in folder.iterdir() if each.is_file())
    near = get_close_matches(Path(path).name, names, 1, 0.5)
    there = f"; did you mean {str(folder / near[0])!r}?" if near else f"; {folder.absolute()} has {_beside(folder)}."
    return told + there


def _package(error: ImportError, path: str | None) -> str:
    found = re.search(r"(?:dependency|using:|module named|Import|requires?) '?([\w.-]+)", str(error))
    name = {None: "pyarrow", "fastparquet": "pyarrow"}.get(found and found[1], found and found[1])
    if path and re.match(r"s3[an]?://", path):
        return (
            f"pandas does not reach S3 here; fetch the file with the SDK: from sagemaker.s3 import S3Downloader, then "
            f"S3Downloader.download({path!r}, '.', sagemaker_session=course.session), then read {Path(path).name!r}."
        )
    what = f" for {path!r}" if path else ""
    return f"pandas needs the package {name}{what}; run %pip install {name} in a cell, then this cell again."


def _not_parsed(where: str, said: str, data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    first = next((line for line in text.splitlines() if line.strip()), "")
    if separator := separator_of(first):
        return f"{where} separates its columns by {separator!r}; write sep={separator!r} in pd.read_csv."
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", said):
        expected, line, saw = found.groups()
        return (
            f"{where} has {saw} values in line {line} and {expected} in the lines before: write "
            f"skiprows={int(line) - 1} in pd.read_csv if the table begins there, else mend the line."
        )
    return f"{where} is no CSV file that pandas can read: {said.removeprefix('Error tokenizing data. ').rstrip('.')}."


def _not_there(error: KeyError | AttributeError, frames: list[tuple[str, dict]]) -> str | None:
    """A column that a cell asked a table for, as in table["name"], table[["name"]] and table.name."""
    tables = [values["self"] for name, values in frames if name.startswith("pandas.core") and "self" in values]
    table = next((each for each in tables if isinstance(each, pd.DataFrame)), None)
    name = error.name if isinstance(error, AttributeError) else error.args[0]
    listed = re.search(r"\['(.+?)'.*\] (?:not|are) ", name) if isinstance(name, str) else None
    if table is None or not isinstance(name, str | int) or hasattr(pd.DataFrame, str(name)):
        return None
    name = listed[1] if listed else name
    return f"The table has no column {name!r}; {suggestion(name, table)}."


def _unquoted(error: BaseException, frames: list[tuple[str, dict]]) -> str | None:
    """A column's name without quotes: the reader's table has it, the notebook does not."""
    table = next((values["table"] for name, values in frames if name == "__main__" and "table" in values), None)
    if not isinstance(error, NameError) or not isinstance(table, pd.DataFrame) or error.name not in table:
        return None
    return f"{error.name} is a column of the table; write its name in quotes: {error.name!r}."
