"""All that serves what is typed: tasks and their flags, the run of one task, suggestions, completion, pages."""
