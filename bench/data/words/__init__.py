"""What the data set rendered-text is made of: words, fonts, grounds, and how the text of an image is known."""
