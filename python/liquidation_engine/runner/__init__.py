"""The only place that names concrete classes: puts the engine together by roles, runs it, and runs the demo.

`engine` builds and owns everything one instance needs; `leader` and `workers` are its two halves; `demo` starts a whole cluster on one
machine and has it judged; `processes` supervises children; `sabotage` makes the engine do wrong on purpose, to prove the judge can see.
"""
