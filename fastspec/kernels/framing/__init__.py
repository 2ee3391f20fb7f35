"""Between signals or arrays in memory and tiles of frames."""
