"""5 · Takes a candidate to its outcome: lease, read, plan, simulate, sign, intent, send, confirm, settle, acknowledge.

Before it: the stream of candidates. After it: the books in the database. `plan`, `books`, `failures` and `retry` are plain
functions of their arguments; `worker` and `finisher` wait, call and record; `ports` says what they need of the world.
"""
