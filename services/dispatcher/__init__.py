"""Dispatcher: freezes complete studies, routes them to models, relays messages, sweeps."""
