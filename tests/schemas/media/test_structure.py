import io
import struct

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.media.appended import beyond
from schemas.media.structure import Part, bmff_boxes, content_end, gif_blocks, jpeg_segments, png_chunks, riff_chunks

FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def test_the_end_of_an_image_is_found_whatever_follows(photo, encode):
    for format in FORMATS:
        data = encode(photo(40, 30), format)
        assert content_end(format, data) == content_end(format, data + b"\xff\xd9 and more \xff\xd9") == len(data)


def test_the_end_of_a_progressive_jpeg_is_behind_all_its_scans(photo, encode):
    data = encode(photo(200, 150), "JPEG", progressive=True, quality=95)
    assert content_end("JPEG", data + b"tail") == len(data)


def test_a_marker_within_a_table_between_scans_is_no_end(photo, encode):
    data = encode(photo(40, 30), "JPEG", progressive=True)
    second_scan = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    comment = b"\xff\xfe" + struct.pack(">H", 6) + b"\xff\xd9\xff\xd9"
    longer = data[:second_scan] + comment + data[second_scan:]
    assert content_end("JPEG", longer + b"tail") == len(longer)


def test_png_chunks_know_whether_their_checksum_fits(png_chunk):
    intact = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", b"abc") + png_chunk(b"IEND", b"")
    assert list(png_chunks(intact)) == [Part(b"IHDR", 16, 19, True), Part(b"IEND", 31, 31, True)]
    assert next(iter(png_chunks(intact.replace(b"abc", b"abd")))) == Part(b"IHDR", 16, 19, False)
    assert list(png_chunks(intact[:18])) == [Part(b"IHDR", 16, 19, False)]


def test_riff_chunks_are_padded_to_even_lengths():
    body = b"WEBP" + b"abcd" + struct.pack("<I", 3) + b"xyz\0" + b"efgh" + struct.pack("<I", 2) + b"uv"
    data = b"RIFF" + struct.pack("<I", len(body)) + body
    assert list(riff_chunks(data)) == [Part(b"abcd", 20, 23), Part(b"efgh", 32, 34)]


def test_gif_blocks_are_its_frames_and_a_cut_one_is_not_intact(photo, encode):
    frames = [photo(20, 20, seed) for seed in range(3)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert [part.name for part in gif_blocks(data)].count(b",") == 3
    assert all(part.is_intact for part in gif_blocks(data))
    assert not list(gif_blocks(data[:-40]))[-1].is_intact


def test_boxes_with_64_bit_sizes_and_uuids():
    uuid = bytes(range(16))
    boxes = struct.pack(">I4s", 8, b"free") + struct.pack(">I4sQ", 1, b"uuid", 35) + uuid + b"abc"
    boxes += struct.pack(">I4s", 0, b"mdat") + b"rest"
    found = list(bmff_boxes(io.BytesIO(boxes), len(boxes)))
    assert found == [Part(b"free", 8, 8), Part(uuid, 40, 43), Part(b"mdat", 51, 55)]


@given(st.sampled_from(FORMATS), st.binary(max_size=300))
def test_no_walk_raises_on_garbage(format, garbage):
    heads = {"JPEG": b"\xff\xd8", "PNG": b"\x89PNG\r\n\x1a\n", "GIF": b"GIF89a", "WEBP": b"RIFF\xff\0\0\0WEBP"}
    data = heads[format] + garbage
    end = content_end(format, data)
    assert end is None or end >= 0
    walks = [jpeg_segments(data), png_chunks(data), gif_blocks(data), riff_chunks(data)]
    walks.append(bmff_boxes(io.BytesIO(data), len(data)))
    assert all(part.start <= part.end or not part.is_intact for walk in walks for part in walk)
    beyond(format, data)


def test_trailing_bytes_and_what_they_make_of_the_file(photo, encode):
    data = encode(photo(20, 20), "PNG")
    archive = b"PK\x05\x06" + bytes(18)
    assert beyond("PNG", data) == ()
    assert beyond("PNG", data + b"\0\0\n") == ()
    assert [(f.code, f.message) for f in beyond("PNG", data + b"<ScRipt >x")] == [
        ("trailing_bytes", "10 bytes follow the end of the PNG data"),
        ("polyglot", "the file is also readable as a web page or script"),
    ]
    assert [(f.code, f.message) for f in beyond("PNG", data + archive)] == [
        ("trailing_bytes", "22 bytes follow the end of the PNG data"),
        ("polyglot", "the file is also readable as a ZIP archive"),
    ]


def test_a_pdf_header_in_a_comment_makes_a_jpeg_a_polyglot(encode):
    data = encode(Image.new("RGB", (8, 8)), "JPEG", comment=b"%PDF-1.4")
    assert [f.code for f in beyond("JPEG", data)] == ["polyglot"]
