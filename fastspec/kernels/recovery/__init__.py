"""Phase recovery: rounds of Griffin-Lim and its kin, RTISI-LA, RTPGHI, PGHI, SPSI, shifted frames."""
