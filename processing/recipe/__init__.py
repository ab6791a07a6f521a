"""Recipes of Amazon Machine Learning: how the columns of a schema become the features of a model.

    {"groups": {"LONGTEXT": "group_remove(ALL_TEXT, title)"},
     "assignments": {"binned_age": "quantile_bin(age, 30)"},
     "outputs": ["lowercase(no_punct(LONGTEXT))", "cartesian(binned_age, country)", "ALL_NUMERIC"]}

`expressions` reads them, `plan` checks them against a schema, `transforms` does what the functions say,
`fitted` learns from the training rows what they need, and `encoder` turns rows into features.
Source of the language: the service's developer guide, "Feature Transformations with Data Recipes".
"""
