"""The transform of tiles: codelets, tables, rows, the split of real bins; and of one frame at a time (single_frame)."""
