import numpy as np
import pytest

from recsys.errors import ConfigError
from recsys.evaluate import evaluate
from recsys.models.blend import Blend, BlendModel
from recsys.models.mixing import _board, _plateau, _standing, lattice
from recsys.models.recipe import FitContext, load_model, parse
from recsys.types import query
from support.data import AT, dataset, holdout
from support.models import Told

DATA = dataset([("u", name, 0.0) for name in "abcdef"], users=["v", "w"])
SOMEONE = DATA.query(0)
NOBODY = query(at=AT)
RISING = Told(scores=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
FALLING = Told(scores=(6.0, 5.0, 4.0, 3.0, 2.0, 1.0))


def blend(*parts, ctx=None, **params):
    return Blend(parts=parts, **params).fit(DATA, ctx or FitContext())


def top(model, asked=SOMEONE, n=6, allowed=(0, 1, 2, 3, 4, 5)):
    (ranked,) = model.top([asked], n, np.isin(np.arange(6), allowed), [np.zeros(0, np.int32)])
    return ranked.items.tolist()


def test_a_part_alone_keeps_its_order():
    assert top(blend(RISING)) == [5, 4, 3, 2, 1, 0]


def test_a_part_alone_answers_under_its_own_name_so_that_reasons_are_true():
    (alone,) = blend(RISING).top([SOMEONE], 3, np.ones(6, np.bool_), [np.zeros(0, np.int32)])
    (mixed,) = blend(RISING, FALLING).top([SOMEONE], 3, np.ones(6, np.bool_), [np.zeros(0, np.int32)])
    assert (alone.source, mixed.source) == (RISING.name, "blend")


def test_the_heavier_part_decides():
    assert top(blend(RISING, FALLING, weights=(0.6, 0.4))) == [5, 4, 3, 2, 1, 0]
    assert top(blend(RISING, FALLING, weights=(0.4, 0.6))) == [0, 1, 2, 3, 4, 5]


def test_parts_that_cancel_out_tie_and_ties_go_to_the_lower_index():
    assert top(blend(RISING, FALLING)) == [0, 1, 2, 3, 4, 5]


def test_the_scale_of_a_parts_scores_does_not_matter():
    loud = Told(scores=tuple(1000.0 * s for s in RISING.scores))
    assert top(blend(loud, FALLING, weights=(0.4, 0.6))) == [0, 1, 2, 3, 4, 5]


def test_the_score_is_the_weighted_mean_of_standard_scores():
    # both parts have mean 3.5 and standard deviation 1.7078 over the six items
    model = blend(RISING, FALLING, weights=(0.75, 0.25))
    expected = (0.75 - 0.25) * (6.0 - 3.5) / 1.7078251
    assert model.score([SOMEONE], np.array([5], np.int32))[0, 0] == pytest.approx(expected)


def test_an_abstention_is_no_low_score():
    # item 0 is unknown to the second part, which puts item 1 far below its mean
    partial = Told(scores=(None, 1.0, 6.0, 6.0, 6.0, 6.0))
    flat = Told(scores=(1.0, 1.0, 1.0, 1.0, 1.0, 1.0))
    scores = blend(flat, partial).score([SOMEONE], np.arange(6, dtype=np.int32))[0]
    assert scores[1] < scores[0] == 0.0 < scores[2]


def test_an_item_that_all_abstain_from_is_abstained_from():
    partial = Told(scores=(None, 1.0, 2.0, 3.0, 4.0, 5.0))
    model = blend(partial, partial)
    assert top(model) == [5, 4, 3, 2, 1]
    assert model.score([SOMEONE], np.array([0], np.int32))[0, 0] == -np.inf


def test_a_part_that_is_silent_for_a_query_gives_its_share_to_the_rest():
    shy = Told(scores=FALLING.scores, silent_without_history=True)
    model = blend(RISING, shy, weights=(0.1, 0.9))
    assert top(model) == [0, 1, 2, 3, 4, 5]
    assert top(model, NOBODY) == [5, 4, 3, 2, 1, 0]
    items = np.arange(6, dtype=np.int32)
    assert np.array_equal(model.score([NOBODY], items), blend(RISING).score([NOBODY], items))


def test_nothing_is_shown_where_all_are_silent():
    shy = Told(scores=FALLING.scores, silent_without_history=True)
    assert top(blend(shy, shy), NOBODY) == []


def test_a_mask_takes_items_away_and_moves_no_other():
    model = blend(RISING, Told(scores=(9.0, 1.0, 7.0, 2.0, 8.0, 3.0)))
    whole = top(model)
    assert top(model, allowed=(1, 3, 4)) == [item for item in whole if item in (1, 3, 4)]


def test_each_part_proposes_so_many_candidates_and_no_fewer_than_asked():
    model = blend(RISING, FALLING, candidates=1)
    assert sorted(top(model, n=1)) == [0]
    everyone = np.ones(6, np.bool_)
    (found,) = model.candidates([SOMEONE], 1, everyone, [np.zeros(0, np.int32)])
    assert found.tolist() == [0, 5]
    assert len(top(model, n=6)) == 6


def truth_context(item, seed=0):
    return FitContext(
        seed=seed, holdout=holdout(dataset([("z", n, 0.0) for n in "abcdef"], users=["v"]), {"v": [item]})
    )


def test_a_part_that_ranks_the_holdout_best_wins_alone():
    model = blend(RISING, FALLING, ctx=truth_context("f"))
    assert model.recipe == Blend(parts=(RISING,), weights=(1.0,))


def test_a_mix_wins_where_it_is_better_than_any_part():
    # c is second for both parts, and the favourites of each are last for the other
    one = Told(scores=(9.0, 0.0, 8.0, 1.0, 2.0, 3.0))
    other = Told(scores=(0.0, 9.0, 8.0, 3.0, 2.0, 1.0))
    model = blend(one, other, ctx=truth_context("c"))
    assert len(model.parts) == 2
    assert top(model)[0] == 2


@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (0.3, 0.7)])
def test_the_quality_it_chooses_by_is_the_quality_that_evaluation_measures(weights):
    rng = np.random.default_rng(3)
    data = dataset([(f"u{rng.integers(9)}", f"i{at % 40:02}", 0.0) for at in range(150)])
    # whole numbers tie often, and each part abstains from a few items
    parts = [Told(scores=tuple(None if s == 0 else float(s) for s in rng.integers(0, 5, 40))) for _ in "ab"]
    unseen = {u: np.setdiff1d(range(40), data.seen(u)) for u in range(data.n_users)}
    asked = holdout(data, {data.users[u]: data.catalogue.ids.external(own[::3]) for u, own in unseen.items()})
    mix = BlendModel(
        Blend(parts=parts, weights=weights), tuple(p.fit(data, FitContext()) for p in parts), np.arange(40)
    )
    alone = Blend(parts=parts, weights=weights).fit(data, FitContext())  # without the part that has no weight
    measured = evaluate(alone, asked, data, ks=(20,)).mean("ndcg@20")
    assert _board(mix, asked, 40, rng).gains(np.array(weights)).mean() == pytest.approx(measured, abs=1e-6)


def test_the_same_seed_finds_the_same_weights():
    parts = (RISING, Told(scores=(9.0, 1.0, 7.0, 2.0, 8.0, 3.0)), Told(scores=(1.0, 3.0, 9.0, 2.0, 8.0, 7.0)))
    found = [blend(*parts, ctx=truth_context("c", seed=4)).recipe for _ in range(2)]
    assert found[0] == found[1]


def test_the_lattice_holds_every_share_in_equal_steps_with_the_parts_alone_first():
    shares = lattice(2)
    assert shares[:2].tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert shares[-1].tolist() == [0.5, 0.5]
    assert sorted(np.round(20 * shares[:, 0]).astype(int).tolist()) == list(range(21))


@pytest.mark.parametrize(("parts", "vectors"), [(1, 1), (3, 231), (4, 286), (5, 210), (40, 40)])
def test_the_lattice_is_as_fine_as_its_size_allows(parts, vectors):
    shares = lattice(parts)
    assert shares.shape == (vectors, parts)
    assert np.allclose(shares.sum(axis=1), 1.0)


def test_shares_amid_good_ones_beat_a_lone_peak():
    shares = lattice(2)
    first = np.round(20 * shares[:, 0]).astype(int)
    quality = np.where(np.abs(first - 14) <= 2, 0.28, 0.25)
    quality[first == 4] = 0.29
    assert shares[_plateau(shares, quality)].tolist() == [0.7, 0.3]


def test_a_part_alone_is_preferred_to_a_mix_that_is_no_better():
    shares = lattice(2)
    assert shares[_plateau(shares, np.where(shares[:, 0] >= 0.5, 0.3, 0.2))].tolist() == [1.0, 0.0]


def test_the_length_of_the_history_decides_which_weights_count():
    rows = ((1.0, 0.0), (0.0, 1.0), (0.4, 0.6))
    model = blend(RISING, FALLING, weights=(0.5, 0.5), lengths=(1, 7), weights_by_length=rows)
    assert top(model, NOBODY) == [5, 4, 3, 2, 1, 0]
    assert top(model, SOMEONE) == [0, 1, 2, 3, 4, 5]
    assert model.score([NOBODY], np.array([5], np.int32))[0, 0] == pytest.approx(2.5 / 1.7078251)


def test_a_part_without_weight_for_a_length_brings_no_items_there():
    partial = Told(scores=(None, 1.0, 2.0, 3.0, 4.0, 5.0))
    rows = ((1.0, 0.0), (0.0, 1.0))
    model = blend(partial, FALLING, weights=(0.5, 0.5), lengths=(1,), weights_by_length=rows)
    assert top(model, NOBODY) == [5, 4, 3, 2, 1]
    assert top(model, SOMEONE) == [0, 1, 2, 3, 4, 5]


def crowd_context(new, known):
    """So many users without a history who like f, and with one who like a: RISING is right for the first."""
    names = {f"n{at:03}": "f" for at in range(new)} | {f"o{at:03}": "a" for at in range(known)}
    events = [(name, "b", 0.0) for name in names if name[0] == "o"] + [("z", item, 0.0) for item in "abcdef"]
    data = dataset(events, users=list(names))
    return FitContext(holdout=holdout(data, {name: [item] for name, item in names.items()}))


def test_each_length_of_history_gets_weights_of_its_own_drawn_to_those_of_all():
    model = blend(RISING, FALLING, ctx=crowd_context(new=300, known=150))
    assert model.recipe.weights == (1.0, 0.0)
    # each with the 100 queries of the pull: all of 300 alike; 150 of 250 for the other part; nobody of 20 events
    assert model.recipe.weights_by_length == ((1.0, 0.0), (0.4, 0.6), (1.0, 0.0))


def test_a_mix_that_is_better_by_luck_alone_gives_way_to_the_best_part():
    rng = np.random.default_rng(3)  # 60 people who each like one of ten works, whatever the parts say
    works = "abcdefghij"
    names = {f"n{at:02}": works[rng.integers(10)] for at in range(60)}
    data = dataset([("z", item, 0.0) for item in works], users=list(names))
    told = tuple(Told(scores=tuple(float(s) for s in rng.normal(size=10))) for _ in "abc")
    asked = holdout(data, {name: [item] for name, item in names.items()})
    mix = BlendModel(Blend(parts=told), tuple(part.fit(data, FitContext()) for part in told), np.arange(10))
    board = _board(mix, asked, 10, rng)
    best = max(board.gains(row).mean() for row in lattice(3))
    assert best > max(board.gains(row).mean() for row in np.eye(3)), "on these very people a mix is better"
    assert len(Blend(parts=told).fit(data, FitContext(holdout=asked)).parts) == 1


def standing(wins: int, losses: int, learned: tuple[bool, ...] = (False, True)) -> list[float]:
    """Of a simple part and another one that loses to it on some queries, wins on others, and is as good on the rest."""
    other = np.repeat([1.0, -1.0, 0.0], [wins, losses, 100 - wins - losses]) + 2.0
    return _standing(np.stack([np.full(100, 2.0), other], axis=1), np.array(learned)).tolist()


def test_a_learned_part_and_a_simple_one_that_tie_have_half_each():
    # behind by .03 in the mean, and the standard error of 13 queries that differ is .036: compared query by query
    assert standing(wins=5, losses=8) == [0.5, 0.5]


def test_a_learned_part_that_is_clearly_behind_has_nothing():
    # .08 behind, by a standard error of .039
    assert standing(wins=4, losses=12) == [1.0, 0.0]


def test_a_learned_part_that_is_clearly_ahead_has_everything():
    assert standing(wins=12, losses=4) == [0.0, 1.0]


def test_of_simple_parts_the_best_is_taken_alone():
    assert standing(wins=5, losses=8, learned=(False, False)) == [1.0, 0.0]


def test_a_blend_knows_its_learned_part_by_the_parts_that_it_has_itself():
    learned = Blend(parts=(RISING, FALLING), weights=(0.6, 0.4))
    names = {f"n{at:02}": "f" for at in range(40)}
    data = dataset([("z", item, 0.0) for item in "abcdef"], users=list(names))
    asked = FitContext(holdout=holdout(data, {name: [item] for name, item in names.items()}))
    # RISING and what is learned over it put f first for everyone, FALLING puts it last
    assert blend(RISING, learned, FALLING, ctx=asked).recipe.weights == (0.5, 0.5)
    assert blend(RISING, FALLING, RISING, ctx=asked).recipe.weights == (1.0,)


def test_a_length_of_history_that_says_little_leaves_the_best_part_alone():
    # 30 draw their shares to (30 · 0 + 100 · 1) / 130, by which the mix answers them as the part alone does
    model = blend(RISING, FALLING, ctx=crowd_context(new=300, known=30))
    assert model.recipe == Blend(parts=(RISING,), weights=(1.0,))


def test_a_part_that_is_silent_for_a_length_has_only_the_common_weight_there():
    shy = Told(scores=FALLING.scores, silent_without_history=True)
    model = blend(RISING, shy, ctx=crowd_context(new=100, known=300))
    # a quarter is amid the shares that let the other part decide and yet answer who has no history
    assert model.recipe.weights == (0.25, 0.75)
    assert model.recipe.weights_by_length == ((0.625, 0.375), (0.0625, 0.9375), (0.25, 0.75))


def test_weights_by_length_are_kept_in_a_refit():
    model = blend(RISING, FALLING, ctx=crowd_context(new=300, known=100))
    again = model.recipe.fit(DATA, FitContext())
    assert again.recipe == model.recipe
    assert top(again, NOBODY) == top(model, NOBODY)


def test_without_a_holdout_the_parts_are_equal():
    assert blend(RISING, FALLING).recipe.weights == (0.5, 0.5)


def test_the_weights_of_a_fitted_blend_are_shares_that_refit_unchanged():
    fitted = blend(RISING, FALLING, RISING, weights=(1.0, 1.0, 1.0))
    assert sum(fitted.recipe.weights) == pytest.approx(1.0, abs=1e-12)
    assert fitted.recipe.fit(DATA, FitContext()).recipe == fitted.recipe


def test_a_part_without_weight_is_left_out():
    model = blend(RISING, FALLING, weights=(1.0, 0.0))
    assert model.recipe == Blend(parts=(RISING,), weights=(1.0,))
    assert len(model.parts) == 1


def test_a_part_that_the_context_has_fitted_is_not_fitted_again():
    ctx = FitContext()
    assert blend(RISING, FALLING, ctx=ctx).parts[0] is ctx.fit(RISING, DATA)


def test_parts_are_written_as_tables():
    plain = {"recipe": "blend", "parts": [{"recipe": "popular", "half_life_days": 7.0}], "weights": [1.0]}
    recipe = parse(plain)
    assert recipe.parts[0].half_life_days == 7.0
    assert recipe.params() == {**plain, "candidates": 200, "lengths": [1, 20], "weights_by_length": None}
    assert parse(recipe.params()) == recipe


def test_weights_by_length_are_written_and_saved_with_the_recipe(tmp_path):
    parts = [{"recipe": "popular", "half_life_days": days} for days in (1.0, 9.0)]
    rows = [[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]]
    recipe = parse({"recipe": "blend", "parts": parts, "weights": [0.5, 0.5], "weights_by_length": rows})
    assert parse(recipe.params()) == recipe
    model = recipe.fit(DATA, FitContext())
    model.save(tmp_path)
    assert load_model(tmp_path).recipe == model.recipe == recipe
    assert hash(recipe) == hash(parse(recipe.params()))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"parts": []}, "parts"),
        ({"parts": [{"recipe": "nonesuch"}]}, "nonesuch"),
        ({"parts": [{"recipe": "popular", "depth": 2}]}, "depth"),
        ({"parts": [{"half_life_days": 2}]}, "which recipe"),
        ({"parts": [{"recipe": "popular"}], "weights": [0.5, 0.5]}, "one weight for each"),
        ({"parts": [{"recipe": "popular"}], "weights": [0.0]}, "not all of them 0"),
        ({"parts": [{"recipe": "popular"}], "weights": [-1.0]}, "weights"),
        ({"parts": [{"recipe": "popular"}], "lengths": [3, 1]}, "ascend"),
        ({"parts": [{"recipe": "popular"}], "weights_by_length": [[1.0], [1.0], [1.0]]}, "needs weights and 3 rows"),
        ({"parts": [{"recipe": "popular"}], "weights": [1], "weights_by_length": [[1.0]]}, "needs weights and 3 rows"),
    ],
)
def test_an_impossible_blend_is_refused_with_its_reason(params, message):
    with pytest.raises(ConfigError, match=message):
        parse({"recipe": "blend", **params})
