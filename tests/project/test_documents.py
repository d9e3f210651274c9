"""The documents: every link leads somewhere, and the page on the account's architecture says what the code is like."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from project.test_architecture import ACCOUNT, PARTS, ROOT

ARCHITECTURE = ROOT / "account" / "docs" / "architecture.md"


def documents() -> list[Path]:
    """The Markdown files that are committed or would be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True)
    if listed.returncode != 0:
        pytest.skip("this folder is not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def prose(text: str) -> str:
    """A document without its code, in blocks and in lines."""
    text = re.sub(r"(?ms)^(```+).*?^\1$", "", text)
    return re.sub(r"(?m)^ {4}.*$|`[^`\n]*`", lambda code: "" if code[0].startswith("    ") else "x", text)


def links(text: str) -> list[str]:
    """Where a document's links and pictures lead."""
    text = prose(text)
    found = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)=\"([^\"]+)\"", text)
    return [one or other for one, other in found] + re.findall(r"(?m)^\[[^\]]+\]:\s*(\S+)", text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives a document's headings."""
    text = re.sub(r"(?ms)^(```+).*?^\1$", "", text)
    found: set[str] = set()
    for heading in re.findall(r"(?m)^#{1,6}\s+(.+?)\s*#*$", text):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        number = 0
        while anchor in found:
            number += 1
            anchor = f"{slug}-{number}"
        found.add(anchor)
    return found


def dead_links(path: Path) -> list[str]:
    """The links of a document that lead to no file, or to no heading of one."""
    text, dead = path.read_text("utf-8"), []
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / unquote(name) if name else path
        if not target.exists() or (anchor and unquote(anchor) not in anchors(target.read_text("utf-8"))):
            dead.append(link)
    return dead


def test_every_link_in_a_document_leads_somewhere() -> None:
    paths = documents()
    assert {"README.md", "account/README.md", "docs/aws.md"} <= {str(path.relative_to(ROOT)) for path in paths}
    assert {str(path.relative_to(ROOT)): dead for path in paths if (dead := dead_links(path))} == {}


def test_the_picture_is_quick_to_load() -> None:
    assert (ROOT / "docs" / "page.png").stat().st_size < 200_000


def test_links_that_lead_nowhere_are_found(tmp_path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# A `name`: with *signs*\n\n```\n# no heading\n```\n")
    page.write_text(
        "# Twice\n## Twice\n[a](other.md#a-name-with-signs) [b](#twice-1) [c](https://example.org/x) `[d](none.md)`\n"
        "[e](none.md) [f](other.md#no-heading) [g](#twice-2)\n\n    [h](none.md)\n\n"
        '<img src="none.png" width="9"> ![i](none.svg)\n'
    )
    assert sorted(dead_links(page)) == ["#twice-2", "none.md", "none.png", "none.svg", "other.md#no-heading"]


def test_the_functions_on_the_way_of_a_request_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)::([\w.]+)`", ARCHITECTURE.read_text("utf-8"))
    assert len(named) > 40
    for file, name in named:
        body: list[ast.stmt] = ast.parse((ACCOUNT / file).read_text("utf-8")).body
        for part in name.split("."):
            found = [
                node
                for node in body
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == part
            ]
            assert found, f"{file} has no {name}"
            body = found[0].body


def test_the_parts_are_those_that_the_imports_are_held_to() -> None:
    section = ARCHITECTURE.read_text("utf-8").partition("\n## The parts")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| ([^|]+) \| (`[^|]+`) \| [^|]+ \|$", section)
    assert [(part, tuple(re.findall(r"`([\w.]+)`", modules))) for part, modules in rows] == PARTS


def test_the_modules_and_folders_that_are_named_exist() -> None:
    text = ARCHITECTURE.read_text("utf-8")
    named = set(re.findall(r"`([\w/]+(?:/|\.py))(?:::[\w.]+)?`", text)) - {"api.py", "run.py", "account/local_aws/"}
    assert {name for name in named if not (ACCOUNT / name).exists()} == set()
    tree = text.partition("\n```\n")[2].partition("\n```\n")[0]
    above, listed = [Path()], set()
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        for name in re.findall(r"[\w.]+(?:/|\.py|\.md|\.toml)(?=\s|$)", re.split(r" {3,}", line.strip())[0]):
            path = above[depth] / name
            listed.add(path)
            above[depth + 1 :] = [path]
    assert {str(path) for path in listed if not (ROOT / path).exists()} == set()
    packages = {path.parent.relative_to(ROOT) for path in ACCOUNT.rglob("__init__.py")} - {ACCOUNT.relative_to(ROOT)}
    within = {path for path in packages if "image_packages" in path.parts and path.name != "image_packages"}
    assert {str(path) for path in packages - within - listed} == set()
