import io

import numpy as np
import pytest

from schemas.errors import MediaError
from schemas.media.clips import measure_clip
from schemas.media.limits import Limits
from schemas.media.videos import read_frames

LIMITS = Limits()


def measured(data, limits=LIMITS):
    return measure_clip(io.BytesIO(data), len(data), limits)


def gray_of(frame):
    return float(frame.pixels[frame.pixels.shape[0] // 2 :, frame.pixels.shape[1] // 2 :].mean())


@pytest.mark.parametrize(
    ("container", "codec", "format", "named"),
    [
        ("mp4", "mpeg4", "mov,mp4,m4a,3gp,3g2,mj2", "mpeg4"),
        ("matroska", "mpeg4", "matroska,webm", "mpeg4"),
        ("webm", "libvpx", "matroska,webm", "vp8"),
        ("webm", "libvpx-vp9", "matroska,webm", "vp9"),
        ("mpegts", "mpeg2video", "mpegts", "mpeg2video"),
        ("avi", "mpeg4", "avi", "mpeg4"),
        ("mp4", "libx264", "mov,mp4,m4a,3gp,3g2,mj2", "h264"),
    ],
)
def test_the_frame_table_counts_what_a_decoder_gives(container, codec, format, named, film):
    media = measured(film(range(10), container=container, codec=codec, ticks_per_s=25)).media
    assert (media.format, media.codec) == (format, named)
    assert (media.width, media.height, media.num_frames) == (64, 48, 10)
    assert len(media.frame_pts) == 10
    assert [round(media.pts_s(index), 3) for index in range(10)] == [round(0.04 * index, 3) for index in range(10)]
    assert media.fps == pytest.approx(25)
    assert media.duration_s == pytest.approx(0.4, abs=0.002)
    assert not media.is_variable_fps
    assert not media.has_audio


def test_uneven_times_are_kept_exactly(film):
    times = (0, 33, 66, 500, 533, 2000)
    media = measured(film(times, container="matroska")).media
    assert media.frame_pts == times
    assert (media.time_base_num, media.time_base_den) == (1, 1000)
    assert media.is_variable_fps
    assert media.pts_s(3) == 0.5


def clip_of(pictures):
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = *pictures[0].size, "yuv420p"
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_image(picture).reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    return file.getvalue()


def closest(some, others):
    return min((int(one, 16) ^ int(other, 16)).bit_count() for one in some for other in others)


def test_hashes_are_those_of_up_to_eight_frames_two_of_them_as_cropped_too(photo):
    facts = measured(clip_of([photo(128, 96, seed) for seed in range(12)]))
    assert len(facts.hashes) == 8
    assert len(facts.altered) == 8 + 2 * 18


@pytest.mark.parametrize("cut", [0.025, 0.05])
def test_a_clip_that_lost_its_margins_is_known(photo, cut):
    pictures = [photo(320, 240, seed) for seed in range(8)]
    box = (round(320 * cut), round(240 * cut), 320 - round(320 * cut), 240 - round(240 * cut))
    facts, cropped = measured(clip_of(pictures)), measured(clip_of([p.crop(box) for p in pictures]))
    assert closest(facts.altered, cropped.hashes) <= 31
    assert closest(facts.altered, measured(clip_of([photo(320, 240, seed) for seed in range(20, 28)])).hashes) > 60


def test_a_long_video_is_looked_at_in_its_keyframes_only(film):
    facts = measured(film(range(0, 400), gop=100, container="matroska"))
    assert facts.media.num_frames == 400


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts", "avi"])
def test_a_frame_is_found_by_its_index_wherever_the_keyframes_are(container, film):
    codec = "mpeg2video" if container == "mpegts" else "mpeg4"
    data = film(range(12), container=container, codec=codec, ticks_per_s=25, gop=5)
    frames = list(read_frames(io.BytesIO(data), [11, 0, 7, 7, 6]))
    assert [frame.index for frame in frames] == [0, 6, 7, 11]
    assert [gray_of(frame) for frame in frames] == pytest.approx([10 + 20 * i for i in (0, 6, 7, 11)], abs=4)
    assert [round(frame.pts_s, 3) for frame in frames] == [0, 0.24, 0.28, 0.44]


def test_reordered_frames_are_counted_in_presentation_order(film):
    data = film(range(0, 480, 40), codec="libx264", gop=12)
    frames = list(read_frames(io.BytesIO(data), range(12)))
    assert [gray_of(frame) for frame in frames] == pytest.approx([10 + 20 * i for i in range(12)], abs=6)


def test_a_rotated_video_is_upright(film):
    data = bytearray(film((0, 40)))
    matrix = data.index(b"tkhd") + 4 + 40
    turned = (0, 1, 0, -1, 0, 0, 48, 0, 1 << 14)  # 90 degrees clockwise, in 16.16 and 2.30 fixed point
    fixed = [value << 16 for value in turned]
    data[matrix : matrix + 36] = np.array(fixed, np.int64).astype(">i4").tobytes()
    media = measured(bytes(data)).media
    assert (media.rotation_deg, media.width, media.height) == (90, 48, 64)
    assert (media.stored_width, media.stored_height) == (64, 48)
    (frame,) = read_frames(io.BytesIO(data), [0])
    assert frame.pixels.shape == (64, 48, 3)
    assert frame.pixels[:8, -6:].mean() > 200  # the white corner was top left, and is top right
    assert frame.pixels[:8, :6].mean() < 60


def test_frames_are_reduced_to_max_side(film):
    (frame,) = read_frames(io.BytesIO(film((0, 40))), [1], max_side=32)
    assert frame.pixels.shape == (24, 32, 3)
    assert frame.pixels.dtype == np.uint8


@pytest.mark.parametrize("index", [-1, 3])
def test_a_frame_that_is_not_there_is_the_callers_error(index, film):
    with pytest.raises(IndexError, match=rf"frame {index} of a video of 3 frames"):
        list(read_frames(io.BytesIO(film((0, 40, 80))), [index]))


def test_limits_are_stated_with_the_number_that_broke_them(film):
    data = film((0, 40, 5000), container="matroska")
    with pytest.raises(MediaError, match=r"more than limits.max_frames = 2 frames"):
        measured(data, Limits(max_frames=2))
    with pytest.raises(MediaError, match=r"[0-9]+ s long, more than limits.max_duration_s = 4"):
        measured(data, Limits(max_duration_s=4))
    with pytest.raises(MediaError, match=r"frames of 64 x 48 pixels, beyond limits.max_side = 63"):
        measured(data, Limits(max_side=63))
    with pytest.raises(MediaError, match=r"more pixels than limits.max_pixels = 3000"):
        measured(data, Limits(max_pixels=3000))


def test_a_container_that_claims_days_costs_nothing_and_is_a_finding(film):
    data = bytearray(film((0, 40, 80), container="matroska"))
    at = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a 64-bit float of milliseconds
    data[at : at + 8] = np.array([9e8], ">f8").tobytes()
    facts = measured(bytes(data))
    assert facts.media.duration_s == pytest.approx(0.12, abs=0.02)
    assert [finding.code for finding in facts.findings] == ["duration_disagrees"]
    assert facts.findings[0].message.startswith("the container states 900000.00 s, its frames cover 0.1")


def test_sound_alone_is_no_video(sound):
    with pytest.raises(MediaError, match=r"no video stream: the file holds audio streams only"):
        measured(sound)


def test_cover_art_is_no_video(sound, photo, encode, tmp_path):
    import av

    song = tmp_path / "song.mp4"
    song.write_bytes(sound)
    file = io.BytesIO()
    with av.open(str(song)) as source, av.open(file, "w", format="mp4") as output:
        track = source.streams.audio[0]
        copy = output.add_stream_from_template(track)
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame.from_image(photo(32, 32)).reformat(format="yuvj420p")))
        output.mux(cover.encode(None))
        for packet in source.demux(track):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    with pytest.raises(MediaError, match=r"no video stream"):
        measured(file.getvalue())


def test_a_video_without_its_index_is_refused(film):
    data = film((0, 40, 80))
    with pytest.raises(MediaError, match=r"the video cannot be read: Invalid data found"):
        measured(data[: data.index(b"moov") - 4])


def test_damaged_frames_are_refused(film):
    data = bytearray(film(range(0, 400, 40), codec="libx264"))
    start = data.index(b"mdat") + 4
    data[start : start + 400] = bytes(400)
    with pytest.raises(MediaError, match=r"cannot be"):
        measured(bytes(data))


def test_what_the_container_says_of_its_program_is_kept(film):
    said = measured(film((0, 40), metadata={"encoder": "a program"})).provenance
    assert said.software is not None
    assert said.software.startswith("Lavf")
