"""What is fitted to the training data meets new data; what cannot be scaled is refused by name."""

import numpy as np
import pytest
from trainspec.reference import data as chapter

TRAIN = np.random.default_rng(0).standard_normal((9, 3)) * [1.0, 50.0, 0.01] + [3.0, -2.0, 0.0]
CONSTANT = np.concatenate([TRAIN, np.full((9, 1), 0.1)], axis=1)
APPLIED = {
    "standardize": lambda x: chapter.standardize(x, chapter.standardize_fit(TRAIN)),
    "minmax": lambda x: chapter.minmax(x, chapter.minmax_fit(TRAIN), low=0, high=1),
    "pca": lambda x: chapter.pca(x, chapter.pca_fit(TRAIN)),
    "whiten": lambda x: chapter.whiten(x, chapter.pca_fit(TRAIN), eps=1e-5),
    "zca": lambda x: chapter.zca(x, chapter.pca_fit(TRAIN), eps=1e-5),
}


@pytest.mark.parametrize("name", APPLIED)
def test_new_data_of_any_number_go_through_row_by_row(name):
    apply = APPLIED[name]
    np.testing.assert_allclose(
        np.concatenate([apply(TRAIN[:1]), apply(TRAIN[1:5]), apply(TRAIN[5:])]), apply(TRAIN), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", APPLIED)
def test_another_number_of_features_is_refused(name):
    with pytest.raises(ValueError, match=r"must have shape \(features,\) with features = 4 as in data, got \(3,\)$"):
        APPLIED[name](CONSTANT)


@pytest.mark.parametrize("fit", [chapter.standardize_fit, chapter.minmax_fit])
@pytest.mark.parametrize("table", [CONSTANT, TRAIN[:1]], ids=["a constant feature", "a single sample"])
def test_a_feature_that_never_varies_is_refused(fit, table):
    with pytest.raises(ValueError, match=r"data must be free of constant columns, got .* at index \(0, \d\)$"):
        fit(table)


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("table", [CONSTANT, CONSTANT[:1]], ids=["a constant feature", "a single sample"])
def test_a_feature_that_never_varies_becomes_0_where_asked(table, ddof):
    fitted = chapter.standardize_fit_tolerant(table, constant_scale=1, ddof=ddof)
    assert fitted.scale[3] == 1
    assert abs(chapter.standardize(table, fitted)[:, 3]).max() < 1e-15


def test_data_of_less_than_full_rank_need_eps_to_be_whitened():
    flat = chapter.pca_fit(np.array([[1.0, 2.0], [3.0, 2.0]]))
    assert flat.variances.tolist() == [1.0, 0.0]
    for whitening in (chapter.whiten, chapter.zca):
        with pytest.raises(ValueError, match="overflow or division by zero"):
            whitening(np.ones((1, 2)), flat, eps=0)
        assert np.isfinite(whitening(np.ones((1, 2)), flat, eps=1e-5)).all()


@pytest.mark.parametrize("fit", [chapter.standardize_fit, chapter.minmax_fit, chapter.pca_fit])
def test_single_precision_stays_single(fit):
    assert {part.dtype for part in fit(TRAIN.astype(np.float32))} == {np.dtype(np.float32)}
    tolerant = chapter.standardize_fit_tolerant(CONSTANT.astype(np.float32), constant_scale=1)
    assert tolerant.scale.dtype == np.float32
