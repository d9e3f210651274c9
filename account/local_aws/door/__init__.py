"""Where requests come in: the server, who may do what, and which service answers."""
