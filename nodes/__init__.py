"""One file per node of the graph, each with one public function of the file's name.

Not here: Adapters, SQL, rules that could be tested without a runtime.
"""
