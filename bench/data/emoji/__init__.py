"""What the data set emoji-scenes is made of: art and language."""
