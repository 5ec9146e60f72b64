from __future__ import annotations

from functools import cache

import pytest

from instatune.testing.contracts.task import TaskContract
from instatune_plugins.tasks import TextClassificationConfig, python_docs


class TestPythonDocs(TaskContract):
    entry = "python_docs"

    @pytest.fixture(autouse=True, scope="class")
    def _parse_once(self):
        # It takes seconds; that it gives the same again is tested in test_python_docs.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(python_docs, "read", cache(python_docs.read))
            yield


class TestTextClassification(TaskContract):
    entry = "text_classification"

    @pytest.fixture(autouse=True)
    def _files(self, write):
        rows = "".join(f"text number {i},{'abc'[i % 3]}\n" for i in range(60))
        self.path = write("data.csv", "text,label\n" + rows)

    def config(self):
        return TextClassificationConfig(train=self.path, test=self.path)


class TestPairs(TestTextClassification):
    @pytest.fixture(autouse=True)
    def _files(self, write):
        rows = "".join(f"a {i}\tb {i}\t{i % 2}\n" for i in range(60))
        self.path = write("data.tsv", "sentence1\tsentence2\tlabel\n" + rows)
