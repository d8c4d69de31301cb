"""What a person or a program reads: text and JSON views of results and errors, progress, masking of secrets."""
