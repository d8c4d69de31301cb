"""What is wrong with a project and its database, found by looking, with cause and exact command.

`finding.py` has the types, `patient.py` what all checks look at, `checks.py` the list; each other module is a family.
"""
