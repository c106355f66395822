"""1 · Brings what the chain says into the process: account changes by subscription, whole pictures by snapshot.

Nothing comes before it but the nodes; after it comes the book.
"""
