import io
import json
import struct

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from schemas.media.c2pa import c2pa_store, c2pa_store_of_stream, source_types
from schemas.media.evidence import ORIGINS, Words, provenance
from schemas.media.limits import Limits
from schemas.media.papers import measure_paper
from schemas.media.stills import measure_still
from schemas.sample import Generator, OriginStatement, Provenance

PARAMETERS = (
    "a cat\nNegative prompt: dogs\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Model: dream, Version: v1.9"
)
GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 4}}})
MANIFEST = bytes.fromhex("00110010800000aa00389b71")
CAPTURED = b"jumbc2pa c2ma" + MANIFEST + b"digitalsourcetype/digitalCapture"
GENERATED = b" c2ma" + MANIFEST + b"x\x46http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def said(format, data):
    return measure_still(format, data, Limits()).provenance


def xmp(inside):
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {inside}</rdf:RDF></x:xmpmeta>'.encode()


def test_png_parameters_are_a_voice(photo, encode):
    info = PngInfo()
    info.add_text("parameters", PARAMETERS)
    assert said("PNG", encode(photo(16, 16), "PNG", pnginfo=info)) == Provenance(
        statements=(OriginStatement(said_by="png_text", origin="generated", detail="generation settings of dream"),),
        generator=Generator(
            name="dream",
            prompt="a cat",
            negative_prompt="dogs",
            seed=5,
            steps=20,
            guidance_scale=7,
            scheduler="Euler a",
        ),
        raw=PARAMETERS,
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_parameters_in_an_exif_comment_are_the_same(format, photo, encode):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + PARAMETERS.encode("utf-16-be")
    found = said(format, encode(photo(16, 16), format, exif=exif))
    assert found.statements == (
        OriginStatement(said_by="exif", origin="generated", detail="generation settings of dream"),
    )
    assert found.generator.seed == 5


def test_a_comfyui_graph_is_found_in_png_text_and_in_the_exif_of_a_webp(photo, encode):
    info = PngInfo()
    info.add_text("prompt", GRAPH)
    exif = Image.Exif()
    exif[0x0110] = "prompt:" + GRAPH
    for found in (
        said("PNG", encode(photo(16, 16), "PNG", pnginfo=info)),
        said("WEBP", encode(photo(16, 16), "WEBP", exif=exif)),
    ):
        assert found.software == "ComfyUI"
        assert found.generator == Generator(name="ComfyUI", seed=5, steps=4)
        assert [statement.said_by for statement in found.statements] == ["comfyui"]


def test_a_camera_is_no_origin_statement(photo, encode):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Maker", "Model 1", "Firmware 2"
    assert said("JPEG", encode(photo(16, 16), "JPEG", exif=exif)) == Provenance(software="Firmware 2")


@pytest.mark.parametrize(
    "inside",
    [
        'Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia">',
        "><Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
        "</Iptc4xmpExt:DigitalSourceType>",
        '><Iptc4xmpExt:DigitalSourceType rdf:resource="http://cv.iptc.org/newscodes/digitalsourcetype/'
        'trainedAlgorithmicMedia"/>',
        "Iptc4xmpExt:DigitalSourceType='trainedAlgorithmicMedia'>",
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_names_the_source_type_however_it_is_spelled(format, inside, photo, encode):
    image, options = photo(16, 16), {"xmp": xmp(inside)}
    if format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
        options["pnginfo"] = info
    elif format == "TIFF":
        options = {"tiffinfo": {700: options.pop("xmp")}}
    found = said(format, encode(image, format, **options))
    assert found.digital_source_type == "trainedAlgorithmicMedia"
    assert found.statements == (
        OriginStatement(said_by="xmp", origin="generated", detail="digitalSourceType=trainedAlgorithmicMedia"),
    )


def test_creator_tool_is_the_software_and_entities_are_not_expanded():
    packet = b'<!DOCTYPE x [<!ENTITY a "bbbb">]>' + xmp('xmp:CreatorTool="Studio &amp; Co &a;">')
    assert provenance(Words(xmp=packet), max_text_bytes=100).software == "Studio & Co &a;"


@pytest.mark.parametrize(
    ("source_type", "origin"),
    [("digitalCapture", "real"), ("compositeWithTrainedAlgorithmicMedia", "edited"), ("digitalArt", "unknown")],
)
def test_a_source_type_is_an_origin_only_where_it_says_one(source_type, origin):
    found = provenance(Words(xmp=f'DigitalSourceType="{source_type}"'), max_text_bytes=100)
    assert [statement.origin for statement in found.statements] == [origin]
    assert ORIGINS.get(source_type, "unknown") == origin


def jpeg_with_store(store, data):
    """The store in two APP11 segments, each with box instance 1 and its own header."""
    half = len(store) // 2
    parts = [store[:half], store[half:]]
    segments = [
        b"JP" + struct.pack(">HI", 1, n) + struct.pack(">I4s", len(store) + 8, b"jumb") + p
        for n, p in enumerate(parts, 1)
    ]
    return data[:2] + b"".join(b"\xff\xeb" + struct.pack(">H", len(s) + 2) + s for s in segments) + data[2:]


def test_content_credentials_are_found_where_each_format_keeps_them(photo, encode, pdf, png_chunk):
    png = encode(photo(16, 16), "PNG")
    riff = encode(photo(16, 16), "WEBP")
    chunk = b"C2PA" + struct.pack("<I", len(CAPTURED)) + CAPTURED + b"\0" * (len(CAPTURED) % 2)
    marked = {
        "JPEG": jpeg_with_store(CAPTURED, encode(photo(16, 16), "JPEG")),
        "PNG": png[:33] + png_chunk(b"caBX", CAPTURED) + png[33:],
        "WEBP": riff[:4] + struct.pack("<I", len(riff) - 8 + len(chunk)) + riff[8:] + chunk,
    }
    for format, data in marked.items():
        found = said(format, data)
        assert found.has_c2pa, format
        assert found.statements == (
            OriginStatement(said_by="c2pa", origin="real", detail="digitalSourceType=digitalCapture"),
        )
        assert not said(format, {"JPEG": encode(photo(16, 16), "JPEG"), "PNG": png, "WEBP": riff}[format]).has_c2pa
    paper = pdf({"box": "0 0 9 9", "extra": "/AF<</AFRelationship/C2PA_Manifest>>"})
    assert measure_paper(paper, Limits(), None).provenance.has_c2pa


def test_a_store_in_a_uuid_box_of_a_video():
    uuid = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    data = struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4s", 24 + len(CAPTURED), b"uuid") + uuid + CAPTURED
    assert c2pa_store_of_stream(io.BytesIO(data), len(data)) == CAPTURED
    assert c2pa_store_of_stream(io.BytesIO(data[:8]), 8) is None


def test_the_word_c2pa_elsewhere_is_no_manifest(photo, encode):
    assert c2pa_store("JPEG", encode(photo(16, 16), "JPEG", comment=b"c2pa jumb C2PA")) is None


def test_only_the_last_manifest_of_a_store_speaks():
    assert source_types(CAPTURED + GENERATED) == ("trainedAlgorithmicMedia",)
    assert source_types(CAPTURED) == ("digitalCapture",)
    assert source_types(b"") == ()


def test_raw_text_is_bounded(photo, encode):
    info = PngInfo()
    info.add_text("parameters", "word " * 50_000 + "\nSteps: 20, Seed: 5")
    assert len(said("PNG", encode(photo(16, 16), "PNG", pnginfo=info)).raw.encode()) <= Limits().max_text_bytes
