"""Work done by hand (人工充值): a supplier whose other side is the shop's own staff."""
