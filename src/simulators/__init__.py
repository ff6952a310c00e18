"""The outside world for development, demo and tests: Alipay and 福禄 over their real wire, on loopback.

A separate program with its own keys and its own books. It imports nothing of the platform, nor the reverse.
``python -m simulators serve --ready-file F`` starts it; ``control`` describes how a test or a demo steers it.
"""
