"""Whose a request is: what comes in headers becomes a label that the processor accepts, and two values never
become one."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.integrations.labels import from_headers, header_text
from gpu_probe.labels import UNKNOWN, checked_label, clean_label, is_clean


def is_clean_text(data):
    """services/domain/event/text.ts, as a second count of the rule."""
    unseen = {0xAD, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x2028, 0x202F)}
    unseen |= {*range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080)}
    text = data.decode("utf-8")
    if text in (".", ".."):
        return False
    return all(not (ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F or ord(c) in unseen) for c in text)


def test_bytes_that_differ_give_ids_that_differ():
    first, second = (header_text(bytes.fromhex(raw)) for raw in ("4dfc6c6c6572", "4df66c6c6572"))
    assert (clean_label(first), clean_label(second)) == ("Müller", "Möller")


@pytest.mark.parametrize("text", ["a\x85b", "a\nb", "a\x00", "\x7f", "a\ud800"])
def test_control_characters_are_replaced_as_the_processor_wants(text):
    label = clean_label(text)
    assert is_clean_text(label.encode("utf-8"))
    assert label != clean_label(text + "x") != clean_label(text.replace("a", "b"))


def test_long_texts_with_one_beginning_stay_apart():
    labels = {clean_label("x" * 128 + tail) for tail in ("", "a", "b")}
    assert len(labels) == 3
    assert all(len(label.encode()) <= 128 for label in labels)


def test_nobody_can_name_the_label_of_another_text():
    replaced = clean_label("bank\x85")
    assert clean_label(replaced) != replaced


@given(st.lists(st.text(min_size=1, max_size=160), min_size=2, max_size=2, unique=True))
def test_two_texts_never_become_one_label(texts):
    first, second = map(clean_label, texts)
    assert first != second
    for label in (first, second):
        assert 1 <= len(label.encode("utf-8")) <= 128
        assert is_clean_text(label.encode("utf-8"))


@given(st.binary(min_size=1, max_size=140), st.binary(min_size=1, max_size=140))
def test_two_headers_never_become_one_label(first, second):
    same = clean_label(header_text(first)) == clean_label(header_text(second))
    assert same == (first == second)


def test_nothing_is_the_tenant_unknown():
    assert from_headers({}, "m").tenant_id == UNKNOWN
    assert from_headers({"x-meterhouse-tenant": ""}, "").model == UNKNOWN
    assert clean_label(None) is None


@pytest.mark.parametrize("text", ["a\x85b", "a\nb", "\x00" * 128, "a\ud800"])
def test_code_of_the_process_gets_a_replacement_for_unclean_text_and_no_error(text):
    label = checked_label("tenant_id", text)
    assert label == clean_label(text) and is_clean_text(label.encode("utf-8"))


def test_a_label_that_was_replaced_once_stays_what_it_is():
    replaced = clean_label("bank\x85")
    assert checked_label("tenant_id", replaced) == replaced


@pytest.mark.parametrize("value", ["", "x" * 129, "ä" * 65, None, 7, b"a"])
def test_what_cannot_be_a_label_has_an_error_that_names_the_field(value):
    with pytest.raises(ValueError, match="project_id must be text of 1 to 128 bytes"):
        checked_label("project_id", value)


CLEAN_TEXT = json.loads((Path(__file__).parents[2] / "schemas" / "clean-text.json").read_text())


@pytest.mark.parametrize("case", CLEAN_TEXT, ids=lambda case: case["what"])
def test_clean_text_is_what_processor_and_api_call_so(case):
    assert is_clean(case["text"]) is case["is_clean"]
    label = clean_label(case["text"])
    assert (label == case["text"]) is case["is_clean"]
    assert is_clean(label)
