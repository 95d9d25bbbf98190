"""Where, and with which numbers, things run: devices, memory, random streams, matrix products."""
