"""Alipay (支付宝): gateway, cashier, notifications, bills and its own books."""
