"""A simulated 易支付 aggregator: submit.php, mapi.php, api.php and its notifies, by its first protocol."""
