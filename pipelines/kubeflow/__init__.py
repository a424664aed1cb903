"""The pipeline on Kubeflow Pipelines: compiled, run task by task in containers, played here, submitted.

What a newcomer reads first: :mod:`.compile` makes the specification, :mod:`.entrypoint` is what a container
runs, :mod:`.play` and :mod:`.containers` play the specification on this machine.
"""
