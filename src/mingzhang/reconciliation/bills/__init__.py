"""What the outside writes about a day – bills, order lists – read into lines, or refused by line and field."""
