"""Which reader takes a file: by its content, or by the template that is named."""

from __future__ import annotations

from mingzhang.custody.camt053 import is_camt053, read_camt053
from mingzhang.custody.csv_statement import TEMPLATES, read_csv
from mingzhang.custody.model import Statement, refused
from mingzhang.custody.mt940 import is_mt940, read_mt940


def read_statements(body: bytes, template: str = "") -> tuple[str, list[Statement]]:
    """The format's name and the statements of a file. Raises Problem ``statement_refused``.

    ``template``: the name of a CSV template; without it the file must be camt.053 or MT940.
    """
    if template:
        if template not in TEMPLATES:
            raise refused("malformed", 0, "template", f"known are {', '.join(TEMPLATES)}")
        return f"csv:{template}", read_csv(body, TEMPLATES[template])
    if is_camt053(body):
        return "camt.053", read_camt053(body)
    if is_mt940(body):
        return "mt940", read_mt940(body)
    raise refused("malformed", 1, "file", "neither camt.053 nor MT940; for CSV a template must be named")
