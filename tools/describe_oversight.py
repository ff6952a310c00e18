"""Print what oversight's documents say out of the code: the tables that the tamper drill covers. `make docs` writes it.

python tools/describe_oversight.py            print
python tools/describe_oversight.py --write    write it into docs/
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mingzhang.oversight import privacy
from mingzhang.transparency import covered

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
BEGIN: Final = "<!-- printed by `tools/describe_oversight.py`: begin -->"
END: Final = "<!-- printed by `tools/describe_oversight.py`: end -->"
PRINTED: Final[dict[str, Callable[[], str]]] = {
    "transparency.md": covered.print_table,
    "privacy.md": privacy.print_table,
}


def described(name: str) -> str:
    """A document with what the code says in it."""
    text = (DOCS / name).read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return f"{before}{BEGIN}\n\n{PRINTED[name]()}\n\n{END}{after}"


if __name__ == "__main__":
    for name in PRINTED:
        if "--write" in sys.argv:
            (DOCS / name).write_text(described(name), encoding="utf-8")
        else:
            sys.stdout.write(PRINTED[name]() + "\n")
