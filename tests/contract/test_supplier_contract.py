"""What every supplier must do, whatever its wire: the suite of `mingzhang supplier check`, against the simulated party."""

from __future__ import annotations

import pytest

from mingzhang.app.check_adapters.rig import SupplierRig
from mingzhang.app.check_adapters.suite import Case, Skipped
from mingzhang.app.check_adapters.supplier_checks import SUPPLIER


@pytest.mark.parametrize("case", SUPPLIER.cases, ids=lambda case: case.name)
async def test_supplier(supplier: SupplierRig, case: Case) -> None:
    try:
        await case.run(supplier, **case.arguments)
    except Skipped as skipped:
        pytest.skip(str(skipped))
