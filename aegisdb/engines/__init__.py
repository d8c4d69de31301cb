"""Engines: what runs calls side by side. Threads of this process do it where `--engine` names nothing else."""
