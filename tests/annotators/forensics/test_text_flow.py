"""Words to lines to blocks, by boxes alone."""

import random

from annotators.forensics.text_flow import PlacedWord, blocks_of, cells_of, lines_of


def _line(text, x, y, size=10.0):
    words, left = [], x
    for word in text.split():
        words.append(PlacedWord(word, (left, y, left + 5 * len(word), y + size)))
        left += 5 * len(word) + 4
    return words


def test_lines_follow_the_height_not_the_order_of_words():
    words = _line("first line here", 10, 10) + _line("second line", 10, 24)
    random.Random(1).shuffle(words)
    assert [line.text for line in lines_of(words)] == ["first line here", "second line"]


def test_a_wide_gap_ends_a_piece():
    assert [piece.text for piece in lines_of(_line("left column", 10, 10) + _line("right column", 200, 10))] == [
        "left column",
        "right column",
    ]


def test_columns_and_paragraphs_become_blocks():
    words = [
        *_line("Title", 10, 10, size=20),
        *_line("one one", 10, 40), *_line("two two", 10, 54),
        *_line("three three", 200, 40), *_line("four four", 200, 54),
        *_line("five", 10, 90),
    ]  # fmt: skip
    blocks = blocks_of(lines_of(words))
    assert [b.text for b in blocks] == ["Title", "one one\ntwo two", "three three\nfour four", "five"]
    assert blocks[1].box == (10, 40, 44, 64)
    assert (blocks[1].num_lines, blocks[1].num_words) == (2, 4)


def test_aligned_short_cells_are_a_table_and_prose_is_not():
    table = [
        word for row in range(4) for column in range(3) for word in _line("12.5", 10 + 100 * column, 10 + 16 * row)
    ]
    (cells,) = cells_of(lines_of(table), height=10)
    assert len(cells) == 12
    prose = [word for row in range(4) for word in _line("these are words of a paragraph", 10, 10 + 14 * row)]
    assert cells_of(lines_of(prose), height=10) == []


def test_no_words_give_no_blocks():
    assert blocks_of(lines_of([])) == []
