"""WeChat Pay v3 (微信支付): gateway, cashier, notifications, certificates, bills and its own books."""
