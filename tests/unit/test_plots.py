from training.plots import learning_curve


def test_a_fit_that_reported_no_figure_has_no_picture(tmp_path):
    learning_curve([(0, 1, {}), (0, 2, {})], "warp", tmp_path / "curve.png")
    assert not (tmp_path / "curve.png").exists()


def test_a_window_without_a_figure_is_left_out_of_its_panel(tmp_path):
    learning_curve([(0, 1, {"loss": 0.5}), (1, 1, {"ndcg@10": 0.1})], "both", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 0
