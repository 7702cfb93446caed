"""The pages behind the links in letters: plain HTML that works without a script.

A GET shows a form and changes nothing (SEC-17): mail scanners follow links. A click sends it.
"""

from app.pages.controller import AccountPagesController

__all__ = ["AccountPagesController"]
