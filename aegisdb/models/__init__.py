"""What the models of a service say, built and compared with what its history builds."""
