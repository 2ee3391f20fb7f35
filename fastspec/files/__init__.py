"""From file to file, for sounds of any length, in bounded memory."""
