"""Read a page as a browser would, without a browser."""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["Reader", "read"]

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Reader(HTMLParser):
    """Collects elements, their attributes, the text, and tags left open or closed twice."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self.open, self.faults = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(html):
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader
