"""The topics of a trained model of documents, in words."""

from collections.abc import Iterator

from bench.pictures.trained import Trained
from tasks.base import Task
from tasks.latent_variables.lda import LDA


def topic_lines(run: Trained, task: Task) -> Iterator[str]:
    """Yield the name of a run and a line for each topic, its ten most probable words, the most probable first."""
    assert isinstance(task, LDA)
    yield f"{run.record.cell.folder}"
    for number, words in enumerate(task.topics(), start=1):
        yield f"  topic {number}: {', '.join(words)}"
