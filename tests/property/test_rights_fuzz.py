"""No document crashes a reader, and none holds it up."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import CASES, SLOWEST, TOKENS, attempt, document

EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 4), st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8)),
    max_size=5,
)


@pytest.mark.parametrize("case", CASES)
def test_a_sample_as_it_is_can_be_read(case):
    assert attempt(case, document(case, [])) == "read"


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=150)
@given(edits=EDITS)
def test_a_broken_document_is_read_or_refused_soon(case, edits):
    data = document(case, edits)
    begin = time.process_time()
    assert attempt(case, data) in {"read", "refused"}
    assert time.process_time() - begin < SLOWEST
