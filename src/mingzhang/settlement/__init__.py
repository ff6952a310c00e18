"""Settlement (结算): what channels pay out, trade by trade, until it is in custody and earned (rows 5, 6, 8, 11)."""
