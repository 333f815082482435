"""A photograph in, a thumbnail out: from the event's base64 `image`, or the photograph in the package."""

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

PHOTOGRAPH = Path(__file__).parent / "photograph.jpg"


def handler(event, context):
    given = event.get("image")
    data = base64.b64decode(given) if given else PHOTOGRAPH.read_bytes()
    width = int(event.get("width", 160))
    with Image.open(io.BytesIO(data)) as photograph:
        original = photograph.size
        thumbnail = ImageOps.exif_transpose(photograph).convert("RGB")
    thumbnail.thumbnail((width, width), Image.Resampling.LANCZOS)
    output = io.BytesIO()
    thumbnail.save(output, "JPEG", quality=85, optimize=True)
    print(f"{original[0]}x{original[1]} -> {thumbnail.width}x{thumbnail.height}, {output.tell()} bytes")
    return {
        "width": thumbnail.width,
        "height": thumbnail.height,
        "original": {"width": original[0], "height": original[1], "bytes": len(data)},
        "image": base64.b64encode(output.getvalue()).decode(),
    }
