"""Networks that several rooms share: image backbones, the perceptual loss, the transformer of task heads."""
