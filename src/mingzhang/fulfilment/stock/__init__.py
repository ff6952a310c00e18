"""Own card stock (卡密): a supplier like any other, whose answers come from our own tables."""
