"""The simulated outside parties as a real process of their own, with a client for their control API.

Tests that need Alipay or 福禄 start one of these; everything then goes over HTTP on loopback.
"""

from mingzhang.app.check_adapters.world import SimulatorProcess

__all__ = ["SimulatorProcess"]
