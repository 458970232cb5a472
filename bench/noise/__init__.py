"""How much a value moves by itself: with the task's seed, with the training's, with the test images."""
