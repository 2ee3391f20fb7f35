"""Phase recovery: rounds of Griffin-Lim and its kin, RTISI, PGHI, SPSI, shifted frames."""
