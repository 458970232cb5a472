"""What the data sets of emoji scenes are composed of: art, draws that come out even, language, pixels, splits."""
