"""Learning: building blocks, training loop and metrics that the models share."""
