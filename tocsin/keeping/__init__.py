"""Keeping models good: watching what comes to them and from them, training them anew, letting the better one in."""
