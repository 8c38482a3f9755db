"""Where deliveries go, safely."""
