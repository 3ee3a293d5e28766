"""The control API: the only door through which an outsider may change the shop."""
