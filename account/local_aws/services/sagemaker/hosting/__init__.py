"""CreateModel, CreateEndpointConfig, CreateEndpoint, InvokeEndpoint and their siblings, and an endpoint at work."""
