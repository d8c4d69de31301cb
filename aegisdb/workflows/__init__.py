"""One verb a module: what a task does, as a function that returns a result."""
