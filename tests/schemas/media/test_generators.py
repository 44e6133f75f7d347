import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.media.generators import from_comfyui, from_parameters, signed64
from schemas.media.wording import clean, decoded
from schemas.sample import Generator

PARAMETERS = (
    "a cat, best quality,\n(red hat:1.2)\nNegative prompt: blurry, bad hands\n"
    "Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 4000000000, Size: 512x768, "
    'Model hash: 6ce0161689, Model: v1-5-pruned, Lora hashes: "a: 1, b: 2", Version: v1.10.1'
)
GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": ["9", 0],
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "scheduler": "normal",
            "model": ["4", 0],
            "positive": ["12", 0],
            "negative": ["7", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base_1.0.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a glass bottle", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["4", 1]}},
    "9": {"class_type": "PrimitiveInt", "inputs": {"seed": 18446744073709551615}},
    "12": {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}},
}


def test_a_parameters_text_is_read_whole():
    assert from_parameters(PARAMETERS) == Generator(
        name="v1-5-pruned",
        version="6ce0161689",
        prompt="a cat, best quality,\n(red hat:1.2)",
        negative_prompt="blurry, bad hands",
        seed=4_000_000_000,
        steps=28,
        guidance_scale=6.5,
        scheduler="DPM++ 2M Karras",
    )


def test_settings_alone_are_enough_and_prose_is_not():
    assert from_parameters("Steps: 20, Seed: 7") == Generator(steps=20, seed=7)
    assert from_parameters("Steps: 20, Seed: x, CFG scale: nan") == Generator(steps=20)
    assert from_parameters("Steps: many, Seed: 7") is None
    assert from_parameters("Follow these Steps: first, second") is None
    assert from_parameters("") is None


def test_a_prompt_may_itself_speak_of_steps():
    assert (
        from_parameters("How to dance. Steps: one, two\nSteps: 20, Seed: 7").prompt == "How to dance. Steps: one, two"
    )


def test_a_comfyui_graph_is_followed_to_where_its_values_stand():
    assert from_comfyui(json.dumps(GRAPH)) == Generator(
        name="sd_xl_base_1.0.safetensors",
        prompt="a glass bottle",
        negative_prompt="text, watermark",
        seed=-1,
        steps=20,
        guidance_scale=8.0,
        scheduler="euler normal",
    )


def test_a_graph_that_goes_round_in_circles_ends():
    loop = {
        "1": {"class_type": "KSampler", "inputs": {"seed": ["2", 0], "positive": ["2", 0], "negative": ["1", 0]}},
        "2": {"class_type": "Switch", "inputs": {"a": ["1", 0], "b": ["2", 0]}},
    }
    assert from_comfyui(json.dumps(loop)) == Generator(name="ComfyUI")


def test_a_graph_without_a_sampler_still_names_its_model():
    graph = {"4": GRAPH["4"]}
    assert from_comfyui(json.dumps(graph)) == Generator(name="sd_xl_base_1.0.safetensors")


@pytest.mark.parametrize("text", ["", "a cat", "[]", "{}", '{"1": 2}', '{"1": {"class_type": "A"}}', "[" * 100_000])
def test_other_text_is_no_graph(text):
    assert from_comfyui(text) is None


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_no_graph_of_a_stranger_raises(value):
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"seed": value, "positive": value, "steps": value, "cfg": value}}
    }
    assert from_comfyui(json.dumps(graph)).name == "ComfyUI"


@given(st.integers(0, 2**64 - 1))
def test_seeds_fold_into_signed_64_bits_and_back(seed):
    folded = signed64(seed)
    assert -(2**63) <= folded < 2**63
    assert folded % 2**64 == seed
    assert signed64(str(seed)) == folded


@pytest.mark.parametrize("value", [None, True, 1.5, "x", "", "1e9", "٣", [1]])
def test_what_is_no_whole_number_is_no_seed(value):
    assert signed64(value) is None


def test_kept_text_is_bounded_and_free_of_controls():
    assert clean(" a\x00b\x1b[31m\r\nc\u202ed\ud800 ", 100) == "ab[31m\ncd"
    assert clean("é" * 10, 5) == "éé"
    assert clean("\x00 ", 5) is None
    assert clean(None, 5) is None


@given(st.text())
def test_cleaning_twice_changes_nothing_more(text):
    once = clean(text, 20)
    assert clean(once, 20) == once
    assert once is None or len(once.encode()) <= 20


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("as it is", "as it is"),
        (b"plain", "plain"),
        (b"ASCII\0\0\0said", "said"),
        (b"UNICODE\0" + "said".encode("utf-16-le"), "said"),
        (b"UNICODE\0" + "said".encode("utf-16-be"), "said"),
        (b"\0" * 8 + b"said", "said"),
        (7, ""),
        (None, ""),
    ],
)
def test_metadata_text_is_decoded_by_its_character_code(raw, text):
    assert decoded(raw) == text
