"""What the data set emoji-scenes is composed of: art, and language about a scene."""
