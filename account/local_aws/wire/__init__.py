"""How AWS speaks, whatever the service: signatures, protocols, validation, and refusals in AWS's words."""
