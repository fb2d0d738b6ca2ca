"""Filters, series and pages in the engine: what a list may hold, and that nothing comes twice or is lost."""

from itertools import chain

import numpy as np
import pytest

from recsys.clock import fixed_clock
from recsys.overrides import NONE_LIVE, Override
from recsys.types import Viewer
from serving.asks import Ask, AskError
from serving.engine import Engine
from serving.stores.control import Controls
from support.data import AT
from support.serve import make_bundle, records, stand

ADULT = Viewer("feed", age=30)
EVERYTHING = [f"i{i:02}" for i in range(40)]
# two series: i10 to i15 are "sea" (two seasons of three), i20 to i22 are "war"
EPISODES = {
    **{f"i{10 + n}": ("sea", 1 + n // 3, 1 + n % 3) for n in range(6)},
    **{f"i{20 + n}": ("war", 1, 1 + n) for n in range(3)},
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    year = {item: 1990 + place for place, item in enumerate(EVERYTHING)}
    return make_bundle(tmp_path_factory.mktemp("bundle") / "b", extra={"first_shown": year})


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    columns = {name: {item: given[at] for item, given in EPISODES.items()} for at, name in enumerate(SERIES)}
    return make_bundle(tmp_path_factory.mktemp("serial") / "b", extra=columns)


SERIES = ("series", "season", "episode")


@pytest.fixture
def there(serial, tmp_path):
    return stand(tmp_path, serial)


def answer(here, **ask):
    return here.engine.recommend([Ask(**{"viewer": ADULT, **ask})])[0]


def ids(answer):
    return answer.view.ids.external(answer.slate.items)


def shown(here, **ask):
    return ids(answer(here, **ask))


def pages(here, k, between=lambda page: None, **ask):
    """All pages of a list, until no token is left."""
    found, token = [], None
    while True:
        page = answer(here, k=k, page_token=token, **ask)
        found.append(ids(page))
        token = page.next_page
        if token is None:
            return found
        between(len(found))


def flat(found):
    return list(chain.from_iterable(found))


def pin(item, slot):
    fields = {"surfaces": frozenset(), "territories": frozenset(), "priority": 0, "factor": None}
    times = {"start": AT - 10, "end": AT + 10, "created_at": AT}
    return Override(
        id=f"ov-{item}", action="pin", item_id=item, slot=slot, created_by="e", reason="t", **fields, **times
    )


# filters


def test_a_filter_leaves_what_it_is_true_of_and_k_is_filled(here):
    items = shown(here, k=20, filter="'red' in genres", session=("i01", "i03"))
    assert sorted(items) == EVERYTHING[::2]


def test_a_filter_may_ask_for_a_column_that_the_catalogue_kept(here):
    assert sorted(shown(here, k=40, filter="first_shown < 1992")) == ["i00", "i01"]


def test_a_pin_respects_the_filter(here):
    here.control.put_override(pin("i07", 1), "editor")
    assert shown(here)[0] == "i07"
    assert "i07" not in shown(here, k=40, filter="'red' in genres")


def test_a_filter_reads_works_as_they_are_now(here):
    here.control.upsert_items([{**records()[1], "genres": ["green"]}, {"item_id": "fresh", "genres": ["green"]}], "app")
    assert sorted(shown(here, filter="'green' in genres")) == ["fresh", "i01"]


def test_a_filter_never_shows_what_the_gate_forbids(here):
    assert shown(here, viewer=Viewer("feed", age=12), filter="item_id in ['i04', 'i05']") == ["i05"]


def test_a_filter_that_nothing_matches_gives_an_empty_list_that_says_so(here):
    empty = answer(here, filter="first_shown > 3000")
    assert (ids(empty), empty.degraded, empty.next_page) == ([], ("no_matching_items",), None)


def test_a_filter_that_cannot_be_read_is_refused_with_field_and_place(here):
    with pytest.raises(
        AskError, match="filter, character 1: there is no field 'yaer'; known are: .*first_shown"
    ) as error:
        shown(here, filter="yaer > 1")
    assert error.value.field == "filter"


def test_similar_works_are_filtered_too(here):
    assert set(shown(here, similar_to="i05", k=40, filter="first_shown >= 2020")) == set(EVERYTHING[30:])


def test_an_explanation_may_name_a_work_that_the_filter_leaves_out(here):
    here.saw("new", "i01", "i03")
    named = answer(here, user_id="new", explain=True, filter="first_shown > 2000")
    assert {name for names in named.because for name in names} <= {"i01", "i03"}
    assert any(named.because)


def test_a_filter_is_worked_out_once_for_a_viewer_class(here):
    view = here.engine.live.view()
    mask = view.allowed(ADULT, NONE_LIVE)
    assert view.narrowed(mask, "'red' in genres", True) is view.narrowed(mask, "'red' in genres", True)
    assert view.filters.mask("'red' in genres") is view.filters.mask("'red' in genres")


def test_an_override_does_not_make_filters_be_worked_out_again(here):
    before = here.engine.live.view().filters
    here.control.put_override(pin("i07", 2), "editor")
    assert here.engine.live.view().filters is before


# series


def test_of_a_series_that_is_not_begun_only_the_first_episode_comes(there):
    assert sorted(set(shown(there, k=40)) & set(EPISODES)) == ["i10", "i20"]


def test_of_a_series_that_is_begun_only_the_episode_after_the_furthest_comes(there):
    there.saw("u", "i10", "i12")
    assert sorted(set(shown(there, user_id="u", k=40)) & set(EPISODES)) == ["i13", "i20"]


def test_a_session_begins_a_series_too(there):
    assert sorted(set(shown(there, session=("i20",), k=40)) & set(EPISODES)) == ["i10", "i21"]


def test_after_the_last_episode_nothing_of_the_series_comes(there):
    there.saw("u", "i22")
    assert set(shown(there, user_id="u", k=40)) & set(EPISODES) == {"i10"}


def test_all_episodes_come_where_the_request_wants_them(there):
    assert sorted(shown(there, k=40, series="all")) == EVERYTHING


def test_a_hidden_next_episode_is_not_shown_and_none_is_skipped_for_it(there):
    there.saw("u", "i10")
    there.control.put_controls("u", Controls(True, frozenset({"i11"})))
    assert set(shown(there, user_id="u", k=40)) & set(EPISODES) == {"i20"}


def test_an_impersonal_list_has_first_episodes_only(there):
    there.saw("u", "i10")
    off = Viewer("feed", age=30, personalised=False)
    assert set(shown(there, user_id="u", viewer=off, k=40)) & set(EPISODES) == {"i10", "i20"}


def test_the_next_episode_passes_gate_and_filter(there):
    there.saw("u", "i11")
    child = Viewer("feed", age=12)
    assert "i12" in shown(there, user_id="u", k=40)
    assert "i12" not in shown(there, user_id="u", k=40, viewer=child)
    assert "i12" not in shown(there, user_id="u", k=40, filter="'blue' in genres")


def test_a_new_episode_follows_those_that_the_bundle_knows(there):
    there.control.upsert_items([{"item_id": "late", "series": "war", "season": 2, "episode": 1}], "app")
    there.saw("u", "i22")
    assert "late" in shown(there, user_id="u", k=60)
    assert "late" not in shown(there, k=60)


def test_a_series_may_come_in_by_upserts_alone(here):
    new = [{"item_id": f"e{n}", "series": "new", "episode": n} for n in (1, 2, 3)]
    here.control.upsert_items(new, "app")
    assert [item for item in shown(here, k=60) if item.startswith("e")] == ["e1"]


# pages


def test_pages_give_every_work_once_and_end(here):
    found = pages(here, 7)
    assert [len(page) for page in found] == [7, 7, 7, 7, 7, 5]
    assert sorted(flat(found)) == EVERYTHING


def test_a_list_that_ends_with_the_page_has_no_next_page(here):
    assert len(pages(here, 20)) == 2
    assert answer(here, k=40).next_page is None


def test_pages_lose_and_repeat_nothing_while_events_and_overrides_change_the_order(here):
    def change(page):
        here.control.put_override(pin(f"i{page:02}", page), "editor")
        here.control.put_override(pin(f"i{39 - page}", 10 * page + 3), "editor")

    found = pages(here, 10, between=change, session=("i01", "i03"))
    assert sorted(flat(found)) == sorted(set(EVERYTHING) - {"i01", "i03"})


def test_pages_lose_and_repeat_nothing_over_another_model(here, tmp_path_factory):
    other = make_bundle(tmp_path_factory.mktemp("other") / "b", recipes=[{"recipe": "popular", "half_life_days": 1.0}])

    def swap(page):
        here.control.upsert_items([{"item_id": f"fresh{page}"}], "app")
        here.engine.live.swap(other, lambda view: None)

    found = flat(pages(here, 15, between=swap))
    assert len(found) == len(set(found))
    assert set(EVERYTHING) <= set(found)


def test_a_pin_is_on_the_page_that_has_its_slot(here):
    here.control.put_override(pin("i39", 13), "editor")
    later = answer(here, k=10, page_token=answer(here, k=10, exclude=("i39",)).next_page)
    assert ids(later)[2] == "i39"
    assert later.slate.overrides[2] == "ov-i39"
    assert later.offset == 10


def test_creators_capped_on_one_page_come_on_the_next(here, monkeypatch):
    view = here.engine.live.view()
    policy = view.policy
    surfaces = {**policy.surfaces, "feed": policy.surface("feed").model_copy(update={"max_per_creator": 1})}
    monkeypatch.setattr(type(policy), "surface", lambda self, name: surfaces["feed"])
    found = pages(here, 10)
    assert sorted(flat(found)) == EVERYTHING
    assert len(found[0]) == 7


def test_pages_keep_to_filter_and_gate(here):
    child = Viewer("feed", age=12)
    found = flat(pages(here, 4, viewer=child, filter="'red' in genres"))
    assert sorted(found) == [item for item in EVERYTHING[::2] if int(item[1:]) % 4]


def test_a_takedown_between_pages_counts(here):
    first = answer(here, k=10)
    rest = shown(here, k=30, page_token=first.next_page)
    here.control.take_down(rest[0], reason="test", actor="officer")
    assert rest[0] not in shown(here, k=30, page_token=first.next_page)


def test_similar_works_have_pages(here):
    assert sorted(flat(pages(here, 8, similar_to="i05"))) == sorted(set(EVERYTHING) - {"i05"})


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "v"},
        {"user_id": "u", "filter": "true"},
        {"user_id": "u", "viewer": Viewer("search", age=30)},
        {"user_id": "u", "similar_to": "i01"},
        {"user_id": "u", "series": "all"},
    ],
)
def test_a_token_of_another_list_is_refused(here, other):
    token = answer(here, user_id="u").next_page
    with pytest.raises(AskError, match="belongs to another list"):
        answer(here, page_token=token, **other)


def test_a_user_who_opts_out_between_pages_may_go_on(here):
    token = answer(here, user_id="u").next_page
    here.control.put_controls("u", Controls(personalised=False))
    second = answer(here, user_id="u", page_token=token)
    assert second.offset == 10
    assert answer(here, user_id="u", page_token=second.next_page).offset == 20


@pytest.mark.parametrize("token", ["", "x", "AAAA", "!" * 40, "A" * 8000, "é"])
def test_a_token_that_is_none_is_refused(here, token):
    with pytest.raises(AskError, match="none that this service gave"):
        answer(here, page_token=token)


def test_a_token_that_was_altered_is_refused(here):
    token = answer(here).next_page
    for place in range(0, len(token), 7):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(AskError, match="none that this service gave"):
            answer(here, page_token=altered)


def test_a_token_is_good_for_an_hour(here):
    token = answer(here).next_page
    later = Engine(here.engine.live, here.control, here.state, fixed_clock(AT + 3_590))
    assert len(later.recommend([Ask(ADULT, page_token=token)])[0].slate) == 10
    late = Engine(here.engine.live, here.control, here.state, fixed_clock(AT + 3_610))
    with pytest.raises(AskError, match="too old"):
        late.recommend([Ask(ADULT, page_token=token)])


def test_another_worker_reads_the_token(here, bundle, tmp_path):
    from serving.current import Live
    from serving.stores.control import ControlStore

    token = answer(here).next_page
    control = ControlStore.open(tmp_path / "control.db", fixed_clock(AT))
    other = Engine(Live(bundle, control, fixed_clock(AT)), control, here.state, fixed_clock(AT))
    second = other.recommend([Ask(ADULT, page_token=token)])[0]
    assert ids(second) == shown(here, page_token=token)


def test_a_list_is_at_most_so_deep(here, monkeypatch):
    import serving.drafts

    monkeypatch.setattr(serving.drafts, "DEPTH", 25)
    assert [len(page) for page in pages(here, 10)] == [10, 10, 5]


def test_the_longest_token_fits_the_request(here):
    from serving.paging import DEPTH, FIRST, MAX_TOKEN, Tokens

    tokens = Tokens(b"key")
    ask = Ask(ADULT, user_id="u" * 256)
    token = tokens.give(ask, FIRST, np.arange(DEPTH, dtype=np.uint64), AT)
    assert len(token) <= MAX_TOKEN
    assert tokens.read(Ask(ADULT, user_id="u" * 256, page_token=token), AT).marks.tolist() == list(range(DEPTH))
