"""The transform of tiles: codelets, tables, rows, split of real bins, other sizes; and of one frame (single_frame)."""
