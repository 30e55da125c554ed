"""page: the frame of every report: one HTML file with its style inside, which loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from .. import __version__

STYLE = Path(__file__).with_name("page.css")

SIGNS = {"pass": "\u2713", "warn": "!", "fail": "\u2715", "not measured": "\u2013"}  # never by colour alone


def chip(status: str, big: bool = False) -> str:
    """A status, with its sign."""
    kind = "none" if status == "not measured" else status
    return f'<span class="chip {kind}{" big" if big else ""}">{SIGNS[status]} {status}</span>'


def slug(title: str) -> str:
    """A title as the name of a place in the page."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in title.lower()).split())


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = (), label: str = "", kind: str = ""
) -> str:
    """A table of cells that are HTML already; it scrolls where it is too wide. ``numbers``: columns of numbers."""
    right = set(numbers)

    def cell(tag: str, column: int, content: str, extra: str = "") -> str:
        kind = ' class="n"' if column in right else ""
        return f"<{tag}{kind}{extra}>{content}</{tag}>"

    top = "".join(cell("th", column, escape(each), ' scope="col"') for column, each in enumerate(head))
    body = "".join(
        "<tr>"
        + "".join(
            cell("th", 0, each, ' scope="row"') if column == 0 else cell("td", column, each)
            for column, each in enumerate(row)
        )
        + "</tr>\n"
        for row in rows
    )
    name, look = escape(label or head[0]), f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="Table: {name}">'
        f"<table{look}><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


def hidden_table(head: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """The numbers behind a plot, folded away."""
    shown = table(head, rows, range(len(head)), label)
    return f"<details><summary>The numbers: {escape(label)}</summary>{shown}</details>"


def card(title: str, content: str, said: str = "", full: bool = False) -> str:
    """A card with a heading, what it says in a sentence, and its content."""
    sentence = f"<p>{escape(said)}</p>" if said else ""
    wide = " full" if full else ""
    return f'<section class="card{wide}"><h3>{escape(title)}</h3>{sentence}{content}</section>\n'


def cards(contents: Sequence[str]) -> str:
    """Cards side by side, three in a row where there is room; four make two rows of two."""
    kind = "cards pairs" if len(contents) == 4 else "cards"
    return f'<div class="{kind}">\n{"".join(contents)}</div>'


def missing(title: str, why: str) -> str:
    """A card that says plainly that there is nothing to show."""
    return card(title, f"<p>{chip('not measured')} {escape(why)}</p>")


def document(title: str, head: str, sections: Sequence[tuple[str, str]], foot: str) -> str:
    """The page: ``head`` below its title, sections (title, content) with a way to each, and a foot."""
    links = "".join(f'<li><a href="#{slug(name)}">{escape(name)}</a></li>' for name, _ in sections)
    body = "".join(
        f'<section aria-labelledby="{slug(name)}"><h2 id="{slug(name)}">{escape(name)}</h2>\n{content}</section>\n'
        for name, content in sections
    )
    style = STYLE.read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="gpucall {__version__}">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">Skip to the content</a>\n'
        f'<header><div class="wide"><h1>{escape(title)}</h1>\n{head}\n'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></div></header>\n'
        f'<main id="main" class="wide">\n{body}</main>\n'
        f'<footer><div class="wide soft">{foot}</div></footer>\n</body>\n</html>\n'
    )
