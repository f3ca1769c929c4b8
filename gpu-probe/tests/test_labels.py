"""Whose a request is: what comes in headers becomes a label that the processor accepts, and two values never
become one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_probe.integrations.labels import UNKNOWN, clean_label, from_headers, header_text


def is_clean_text(data):
    """services/domain/event/text.ts, as a second count of the rule."""
    text = data.decode("utf-8")
    return all(not (ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F) for c in text)


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
