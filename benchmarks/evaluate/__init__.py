"""The study's own judge: PyAV decodes, scikit-image scores; nothing of the product's measurement is used."""
