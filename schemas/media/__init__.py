"""The media themselves: what is measured of them, and how their content is read."""

from .types import Document, Image, Media, Page, Video

__all__ = ["Document", "Image", "Media", "Page", "Video"]
