"""Reading and writing media: probing, frames with exact timestamps, muxing, pictures."""
