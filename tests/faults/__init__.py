"""The list of docs/faults.md, with the real command as a child process."""
