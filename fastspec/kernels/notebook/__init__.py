"""The notebook's aligned overlap-add: correlation offsets, frame by frame and in segments."""
