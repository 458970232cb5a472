"""LG-VQ's text losses, the networks that they train, and the tokenizer that adds them to another."""
