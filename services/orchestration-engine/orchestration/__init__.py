"""Agents, skills, workflows and filing checklists of AEGIS."""
