"""The members of a fleet: who they are, which of them are asked, and each as a target of its own."""
