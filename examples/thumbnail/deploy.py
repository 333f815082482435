"""Deploy the thumbnail function, send it a photograph, check and keep the thumbnail.

python examples/thumbnail/deploy.py [--runtime python3.12] [--output FILE] [--photograph FILE] [--width N]
"""

import argparse
import base64
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from deployment import deploy, invoke, lambda_client, package  # noqa: E402  # found by the line above

NAME = "thumbnail"
START_OF_FRAME = range(0xC0, 0xC4)


def jpeg_size(data: bytes) -> tuple[int, int]:
    """Width and height as the JPEG file itself states them."""
    if not data.startswith(b"\xff\xd8"):
        raise ValueError("this is not a JPEG file")
    place = 2
    while data[place + 1] not in START_OF_FRAME:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    height, width = struct.unpack_from(">HH", data, place + 5)
    return width, height


def fitted(width: int, height: int, limit: int) -> tuple[int, int]:
    """What a photograph of this size must become."""
    scale = min(limit / width, limit / height, 1)
    return round(width * scale), round(height * scale)


def main() -> None:
    running = f"python{sys.version_info.major}.{sys.version_info.minor}"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runtime", default=running)
    parser.add_argument("--output", type=Path, default=Path("thumbnail.jpg"))
    parser.add_argument("--photograph", type=Path, default=HERE / "photograph.jpg")
    parser.add_argument("--width", type=int, default=160)
    arguments = parser.parse_args()

    client = lambda_client()
    code = package([HERE / "handler.py", HERE / "photograph.jpg"], HERE / "requirements.txt", arguments.runtime)
    print(f"deploying {NAME} for {arguments.runtime}, {len(code) / 1e6:.1f} MB")
    deploy(
        client, NAME, code, Runtime=arguments.runtime, Handler="handler.handler", MemorySize=512, Timeout=30
    )
    photograph = arguments.photograph.read_bytes()
    event = {"image": base64.b64encode(photograph).decode(), "width": arguments.width}
    answer = invoke(client, NAME, event)
    answer = invoke(client, NAME, event)

    thumbnail = base64.b64decode(answer["image"])
    expected = fitted(*jpeg_size(photograph), arguments.width)
    if not jpeg_size(thumbnail) == (answer["width"], answer["height"]) == expected:
        sys.exit(f"the thumbnail is {jpeg_size(thumbnail)}, the function said {answer}, it must be {expected}")
    arguments.output.write_bytes(thumbnail)
    print(f"{arguments.output}: {expected[0]}x{expected[1]}, {len(photograph)} -> {len(thumbnail)} bytes")


if __name__ == "__main__":
    main()
