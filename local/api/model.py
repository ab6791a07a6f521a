"""SageMaker's own model of its operations, from botocore's package data; read once, when first needed."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel


@cache
def service_model(name: str = "sagemaker") -> Any:
    """Return the model of a service.

    Read from botocore's own files: a model that a user put below ~/.aws would change the verdict.
    """
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(name, "service-2"), name)


# The model's patterns are Java's: classes that Python lacks, code points beyond the first plane as
# surrogate pairs, and a repeated end of text.
_TRANSLATED = (
    (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),
    (r"\p{Alnum}", "A-Za-z0-9"),
    (r"\p{Print}", "[ -~]"),  # never within a class
    (r"\p{L}", r"\w"),  # \w: letters, digits and the underscore, of all scripts
    (r"\p{M}", r"\u0300-\u036f\u0900-\u0903"),
    (r"\p{N}", r"\d"),
    (r"\p{Z}", r" \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"),
    (r"\p{P}", r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2027\u2030-\u205e\u3001-\u3003"),
    (r"\p{S}", r"$+<=>^`|~\u00a2-\u00b4\u00d7\u00f7\u2044-\u20c0\u2100-\u2bff\U0001f300-\U0001faff"),
)
_REPEATED_END = re.compile(r"\$\{1,\d+\}")


@cache
def pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern of the service model; it is meant for the whole text."""
    for java, python in _TRANSLATED:
        text = text.replace(java, python)
    return re.compile(_REPEATED_END.sub("", text))
