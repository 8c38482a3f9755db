"""The study's own judge: PyAV decodes, SSIM is scikit-image's; nothing of the product's measurement is used."""
