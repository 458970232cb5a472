"""Parts of methods: the autoencoder around a quantizer, quantizers, objectives, language guidance, released files."""
