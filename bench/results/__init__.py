"""What was measured: records on disk, one per cell, and the tidy tables made from them."""
