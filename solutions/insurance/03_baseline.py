"""Solutions to the exercises of insurance/03_baseline; each runs in the place of its cell there."""

# %% premium
worth = dict(zip(with_pair[0].get_feature_names_out(), with_pair[-1].coef_, strict=True))
answer = 2 * worth["bmi"] + worth["smoker_bmi30"]
check.premium(answer)

# %% smokers_rmse
smokers = X_test["smoker"] == "yes"
answer = scores(y_test[smokers], pair_pred[smokers], model="smokers", show=False)["rmse"]
check.smokers_rmse(answer)

# %% folds
pipeline = make_pipeline(make_encoder(numbers=[]), StandardScaler(), Ridge())
alphas = np.logspace(-2, 4, 13)
mine = GridSearchCV(pipeline, {"ridge__alpha": alphas}, scoring="neg_mean_absolute_error", cv=10)
mine.fit(XI_train, y_train)
check.folds(mine)
