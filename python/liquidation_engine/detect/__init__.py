"""3 · Decides which positions are candidates: the watcher on every change, the scanner over everybody.

Before it: the book, which knows exactly who is liquidatable. After it: the stream. Only the leader publishes; a standby keeps its book
in step and stays silent.
"""
