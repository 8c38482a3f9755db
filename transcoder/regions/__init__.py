"""Where the evidence is: detectors, tracks over time, and regions the caller gives."""
