import pytest

pytest.register_assert_rewrite("tests.chaos.soundness", "tests.chaos.study")
