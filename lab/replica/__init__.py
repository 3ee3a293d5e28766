"""One replica: a real process that serves one service of the shop over real HTTP."""
