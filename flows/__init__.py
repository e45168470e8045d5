"""The order of the stages: the plain chain, the Prefect flow around it, the command line.

What may live here: order and presentation. Every stage's logic lives in its own folder.
"""
