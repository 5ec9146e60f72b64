"""Tagged words: reading them, laying tags on tokens, loss and score."""

from __future__ import annotations

import gzip
import json
import sys
import types

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from instatune.errors import DataError
from instatune.testing.tokens import tokenizer
from instatune_plugins.tasks.token_classification import IGNORED, TokenClassification
from instatune_plugins.tasks.token_classification_config import TokenClassificationConfig

CONLL = "-DOCSTART- -X- -X- O\n\nAda NNP B-NP B-PER\nsleeps VBZ B-VP O\n\n\nEU NNP B-NP B-ORG\n"
FILE = CONLL.encode() * 10


def task(**settings) -> TokenClassification:
    return TokenClassification(TokenClassificationConfig(**settings))


def refused(match: str, **settings):
    with pytest.raises(DataError, match=match):
        task(**settings).load(0)


@pytest.fixture
def both(write):
    """Settings for a training file of some content, tested on the same."""

    def put(name: str, content: str | bytes, **settings):
        path = write(name, content)
        return {"train": path, "test": path, **settings}

    return put


# reading


@pytest.mark.parametrize("name", ["a.conll", "a.txt", "a.tsv", "a.iob2", "noname"])
def test_conll_files_have_a_word_and_a_tag_on_each_line(both, name):
    splits = task(**both(name, FILE)).load(0)

    assert splits.labels == ("B-ORG", "B-PER", "O")
    assert (len(splits.train), len(splits.search), len(splits.test)) == (18, 2, 20)
    assert splits.test[0] == {"words": ("Ada", "sleeps"), "tags": (1, 2)}
    assert splits.test[1] == {"words": ("EU",), "tags": (0,)}
    assert "20 test sentences with 30 words; 18 training sentences also" in splits.description


def test_files_may_be_gzipped(both):
    assert len(task(**both("a.conll.gz", gzip.compress(FILE))).load(0).test) == 20


def test_lists_in_json_lines_are_read_too(both):
    rows = [{"tokens": ["Ada", "sleeps"], "tags": ["B-PER", "O"]}] * 10
    text = "\n".join(map(json.dumps, rows))

    splits = task(**both("a.jsonl", text)).load(0)

    assert splits.test[0] == {"words": ("Ada", "sleeps"), "tags": (0, 1)}


def test_columns_can_be_chosen(both):
    splits = task(**both("a.conll", FILE, tag_column=1)).load(0)
    assert splits.labels == ("NNP", "VBZ")

    rows = [{"id": 1, "w": ["a", "b"], "t": [0, 1]}] * 10
    text = "\n".join(map(json.dumps, rows))
    splits = task(**both("a.jsonl", text, tokens="w", tags="t")).load(0)
    assert splits.labels == ("0", "1")


def test_words_with_spaces_need_a_separator(both):
    text = "New York\tLOC\nis\tO\n\n" * 10

    assert task(**both("a.tsv", text, separator="\t")).load(0).test[0]["words"][0] == "New York"
    refused(r"a.tsv:2: 2 columns, but line 1 has 3; .* set `separator`", **both("a.tsv", text))


def test_comments_are_left_out_where_they_are_announced(both):
    text = "# id = 1\n# O\na X\n\n" * 10

    assert task(**both("a.conll", text, comment="# id")).load(0).test[0]["words"] == ("#", "a")


def test_parquet_files_of_datasets_bring_the_names_of_tags(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"tokens": [["a", "b"]] * 10, "ner_tags": [[0, 2]] * 10})
    names = {"feature": {"names": ["O", "B-X", "I-X"], "_type": "ClassLabel"}, "_type": "List"}
    info = json.dumps({"info": {"features": {"ner_tags": names, "tokens": {"_type": "List"}}}})
    path = str(tmp_path / "a.parquet")
    parquet.write_table(table.replace_schema_metadata({"huggingface": info}), path)

    splits = task(train=path, test=path).load(0)

    assert splits.labels == ("O", "I-X")
    assert splits.test[0]["tags"] == (0, 1)


def test_datasets_of_a_hub_are_read_with_their_lists(monkeypatch):
    class Value:
        pass

    class ClassLabel:
        names = ("O", "B-X", "I-X")

    class List:
        def __init__(self, feature):
            self.feature = feature

    class Split(dict):
        @property
        def features(self):
            return {"id": Value(), "tokens": List(Value()), "ner_tags": List(ClassLabel())}

        def __len__(self):
            return 6

    rows = {"id": list(range(6)), "tokens": [["a", "b"]] * 6, "ner_tags": [[1, 0]] * 6}
    splits = {"train": Split(rows), "validation": Split(rows)}
    hub = types.SimpleNamespace(load_dataset=lambda *args, **kwargs: splits)
    monkeypatch.setitem(sys.modules, "datasets", hub)

    found = task(dataset="conll").load(0)

    assert found.labels == ("O", "B-X")
    assert found.test[0] == {"words": ("a", "b"), "tags": (1, 0)}


def test_the_carving_follows_from_the_seed(both):
    text = "".join(f"w{i} A\nx B\n\n" for i in range(40))
    settings = both("a.conll", text, max_train=10)

    found = [task(**settings).load(seed) for seed in (0, 0, 1)]

    assert [len(s.train) for s in found] == [10, 10, 10]
    assert found[0].search == found[1].search != found[2].search
    assert found[0].fingerprint == found[1].fingerprint != found[2].fingerprint
    known = {example["words"] for example in found[0].search}
    assert not known & {example["words"] for example in found[0].train}


# refusing


def test_what_is_wrong_in_columns_is_told_with_its_line(both, write):
    refused(r"a.conll:2: 1 columns, but line 1 has 2; give each word", **both("a.conll", "a X\nb"))
    refused(r"a.conll:1: 1 column, words and tags are read from the same", **both("a.conll", "a"))
    refused(
        r"a.conll:1: 2 columns, but task.tag_column is 3; columns count from 0",
        **both("a.conll", "a X\n", tag_column=3),
    )
    refused(r"a.conll: has no sentences; .* `--set task.train=PATH`", **both("a.conll", "\n\n"))
    refused(r"a.conll: every word has the tag 'X'", **both("a.conll", "a X\nb X\n"))
    train, test = write("train.conll", "a X\nb Y\n\n" * 5), write("test.conll", "a X\n\nc Z\n")
    refused(
        r"test.conll:3: tag 'Z' of word 'c' is unseen in training \(X, Y\)",
        **{"train": train, "test": test},
    )
    refused("nowhere.conll: no such file", train=train, test="nowhere.conll")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"tokens": ["a", "b"], "tags": ["O"]},
            r"a.jsonl:2: 2 words but 1 tags; give each word one",
        ),
        ({"tokens": [], "tags": []}, "a.jsonl:2: a sentence without words"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "a.jsonl:2: '' is no word"),
        ({"tokens": ["a"], "tags": [1.5]}, "a.jsonl:2: 1.5 is no tag"),
        (
            {"tokens": "a b", "tags": ["O"]},
            "a.jsonl:2: column 'tokens' holds str 'a b', not a list",
        ),
        ({"tags": ["O"]}, "a.jsonl:2: column 'tokens' holds nothing"),
    ],
)
def test_what_is_wrong_in_lists_is_told_with_its_line(both, row, message):
    good = {"tokens": ["a", "b"], "tags": ["O", "X"]}

    refused(message, **both("a.jsonl", f"{json.dumps(good)}\n{json.dumps(row)}\n"))


def test_missing_columns_are_told_with_those_that_are_there(both, write):
    text = '{"a": ["x"], "b": ["y"]}\n'
    refused(
        "a.jsonl: has no column of a common name for tokens; it has 'a', 'b': choose one with "
        "`--set task.tokens=NAME`",
        **both("a.jsonl", text),
    )
    refused("has no column 'c'", **both("a.jsonl", text, tokens="c"))
    train = write("b.jsonl", '{"tokens": ["x", "y"], "tags": ["A", "B"]}\n')
    refused(
        "a.jsonl: has no column 'tokens' as the training data",
        train=train,
        test=write("a.jsonl", text),
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give the files 'train' and 'test', or the name of a 'dataset'"),
        ({"dataset": "a", "train": "b"}, "give either files"),
        ({"dataset": "a", "separator": ""}, "'separator' is empty"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TokenClassificationConfig(**settings)


# tags on tokens


def word_pieces(
    words=("un", "##believ", "##able", "cats", "sat", "[PAD]", "[UNK]", "[CLS]", "[SEP]"),
):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(words)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=marks
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",  # noqa: S106
        unk_token="[UNK]",  # noqa: S106
        model_max_length=64,
    )


def test_only_the_first_piece_of_a_word_has_its_tag():
    example = {"words": ("cats", "unbelievable", "sat", "a-b"), "tags": (1, 2, 3, 4)}

    (found,) = task(dataset="x").encode([example], word_pieces())

    assert found["labels"].tolist() == [IGNORED, 1, 2, IGNORED, IGNORED, 3, 4, *[IGNORED] * 3]


@given(
    st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Z"]), min_size=1), min_size=1)
)
def test_every_word_has_one_tag_in_order(words):
    """Bytes as tokens: whatever the words, their tags come out in their order."""
    example = {"words": tuple(words), "tags": tuple(range(len(words)))}

    (found,) = task(dataset="x", max_length=4000).encode([example], tokenizer(4000))

    labels = found["labels"]
    assert labels[labels != IGNORED].tolist() == list(range(len(words)))
    starts = [len(" ".join(words[:i]).encode()) + (i > 0) for i in range(len(words))]
    assert (labels != IGNORED).nonzero()[0].tolist() == starts


def test_long_sentences_are_cut_and_it_is_said():
    examples = [{"words": ("cats",) * n, "tags": (0,) * n} for n in (4, 30)]

    with pytest.warns(UserWarning, match="1 of 2 sentences are longer than 10 tokens; words behin"):
        found = task(dataset="x", max_length=10).encode(examples, word_pieces())

    assert [len(f["labels"]) for f in found] == [6, 10]
    assert (found[1]["labels"] == 0).sum() == 8


def test_the_table_of_positions_sets_an_end_too():
    processor = word_pieces()
    processor.model_max_length = 12
    with pytest.warns(UserWarning, match="longer than 12 tokens"):
        (found,) = task(dataset="x").encode(
            [{"words": ("sat",) * 40, "tags": (0,) * 40}], processor
        )
    assert len(found["input_ids"]) == 12


def test_slow_tokenizers_are_refused(words):
    with pytest.raises(DataError, match="needs a fast tokenizer, which tells where tokens stand"):
        task(dataset="x").encode([{"words": ("a",), "tags": (0,)}], words())


# loss and score


def batch_of(labels):
    return {"labels": torch.tensor(labels)}


def test_the_score_is_the_share_of_words_and_padding_does_not_count():
    labels = batch_of([[IGNORED, 0, 1, 1, IGNORED], [IGNORED, 1, IGNORED, IGNORED, IGNORED]])
    logits = torch.tensor([[0.0, 1.0]]).expand(2, 5, 2)  # always the second class

    assert task(dataset="x").correct(logits, labels).tolist() == [pytest.approx(2 / 3), 1.0]


def test_the_loss_is_the_mean_over_words():
    logits = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = batch_of([[IGNORED, 2, 0, 1], [1, IGNORED, IGNORED, IGNORED]])

    loss = task(dataset="x").loss(logits, labels)
    loss.backward()

    one_by_one = [
        -logits[i, j].log_softmax(-1)[labels["labels"][i, j]]
        for i, j in [(0, 1), (0, 2), (0, 3), (1, 0)]
    ]
    assert loss.item() == pytest.approx(torch.stack(one_by_one).mean().item())
    assert (logits.grad[labels["labels"] == IGNORED] == 0).all()


def test_a_batch_without_a_word_has_no_loss():
    logits = torch.zeros(1, 2, 3, requires_grad=True)

    assert task(dataset="x").loss(logits, batch_of([[IGNORED, IGNORED]])).item() == 0.0


def test_models_that_answer_once_are_refused():
    with pytest.raises(
        DataError, match=r"outputs of shape \[1, 3\] instead of one at each of \[1, 2"
    ):
        task(dataset="x").loss(torch.zeros(1, 3), batch_of([[0, 1]]))
