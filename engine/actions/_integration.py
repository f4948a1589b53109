"""The account a step acts through: an integration of the workspace that must be connected."""

from ..errors import IntegrationNotConnected
from ..workspace import Resources


def require_connected(name: str, resources: Resources) -> None:
    """Raises `IntegrationNotConnected` for one that is disconnected or not there at all."""
    known = {key.casefold(): integration for key, integration in resources.integrations.items()}
    integration = known.get(name.casefold())
    if integration is None or not integration.connected:
        connected = sorted(key for key, one in resources.integrations.items() if one.connected)
        raise IntegrationNotConnected(
            f"{name} integration not connected", name=name, available=connected
        )
