"""The call path's rim: sockets and timers around a sans-IO session. Nothing in here knows what a fraud is."""
