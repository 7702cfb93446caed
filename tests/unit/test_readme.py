"""What the README generates from the code is what the code says."""

from pathlib import Path

from app.settings import render_markdown_table

README = Path(__file__).parents[2] / "README.md"


def test_the_configuration_table_is_the_one_of_the_settings() -> None:
    """After a change, paste what `app.settings.render_markdown_table()` returns."""
    text = README.read_text()
    table = text.partition("compared in a test) -->\n")[2].partition("<!-- settings:end -->")[0]

    assert render_markdown_table().strip() == table.strip()
