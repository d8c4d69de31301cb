"""services.yaml to frozen dataclasses, with every fault named."""
