"""Print the table of docs/rights.md from the guards in the code. `make docs` writes it.

python tools/describe_rights.py            print
python tools/describe_rights.py --write    write it into docs/rights.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from mingzhang.app.rights_table import BEGIN, END, print_table

FILE = Path(__file__).resolve().parent.parent / "docs" / "rights.md"


def described() -> str:
    """The document with the table of the code in it."""
    text = FILE.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}\n\n{print_table()}\n\n{END}{after}"


def main() -> None:
    """Print, or write."""
    if "--write" in sys.argv[1:]:
        FILE.write_text(described(), encoding="utf-8")
    else:
        sys.stdout.write(print_table() + "\n")


if __name__ == "__main__":
    main()
