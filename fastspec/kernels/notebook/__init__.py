"""The notebook's aligned overlap-add, as a whole (`align`) or in segments, with offsets by cross-correlation."""
