"""FAULTS section 3, with the real command as a child process."""
