"""Tasks in processes of this machine and on a cluster: whatever is lost on the way, each is done, counted once, and has the same result."""

from collections import Counter

import pytest
from trainspec.spec import kept, ledger
from trainspec.spec.catalogue import catalogue
from trainspec.spec.tasks import ClusterError, Task, Workforce, run_tasks

from .task_functions import compute_for_ever, die, lose_the_worker_once, square, wait_for_ever

LocalCluster = pytest.importorskip("distributed").LocalCluster
NUMBERS = range(6)
SQUARES = {str(number): number * number for number in NUMBERS}


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as workers:
        yield workers


@pytest.fixture(params=["here", "cluster"])
def workforce(request):
    return Workforce(2) if request.param == "here" else Workforce(cluster=request.getfixturevalue("cluster").scheduler_address)


def tasks_of(folder, function=square):
    return [Task(function, (number, str(folder)), str(number)) for number in NUMBERS]


def run(tasks, workforce, limit=60.0, **options):
    return run_tasks(tasks, workforce, lambda task, reason: reason, limit=limit, **options)


def calls(folder):
    return Counter(int(file.name.split()[0]) for file in folder.iterdir() if " " in file.name)


def test_each_task_is_done_once_and_its_result_is_kept(workforce, tmp_path):
    reported = []
    done = run(tasks_of(tmp_path) * 2, workforce, report=reported.append)
    assert (dict(done.by_digest), done.kept) == (SQUARES, 0)
    assert (sorted(reported), calls(tmp_path)) == (sorted(SQUARES.values()), Counter(NUMBERS))
    again = run(tasks_of(tmp_path), workforce, report=reported.append)
    assert (dict(again.by_digest), again.kept, len(reported)) == (SQUARES, len(SQUARES), 2 * len(SQUARES))
    assert calls(tmp_path) == Counter(NUMBERS)
    assert run(tasks_of(tmp_path)[:2], workforce, fresh=True).kept == 0
    assert calls(tmp_path)[0] == 2


@pytest.mark.parametrize(
    ("function", "limit", "words"),
    [
        (compute_for_ever, 0.3, "no verdict within 0.3 s of processor time"),
        (wait_for_ever, 0.1, "no verdict within 5 s"),
        (die, 60.0, "the process died"),
    ],
)
def test_a_task_that_hangs_or_dies_has_failed_and_the_others_are_done(function, limit, words, workforce, tmp_path):
    tasks = [Task(function, (0, str(tmp_path)), f"{function.__name__}"), *tasks_of(tmp_path)]
    done = run(tasks, workforce, limit)
    failure = done.by_digest[function.__name__]
    assert words in str(failure)
    assert {digest: result for digest, result in done.by_digest.items() if digest in SQUARES} == SQUARES
    assert run(tasks[:1], workforce, limit).kept == 0


def test_a_worker_that_is_lost_loses_nothing(cluster, tmp_path):
    done = run([Task(lose_the_worker_once, (9, str(tmp_path)), "9"), *tasks_of(tmp_path)], Workforce(cluster=cluster.scheduler_address))
    assert dict(done.by_digest) == SQUARES | {"9": 81}
    assert (tmp_path / "lost").exists()


def test_a_scheduler_that_is_lost_is_told_and_the_run_goes_on_from_there(tmp_path):
    reported = []
    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=":0") as workers:

        def report(result):
            reported.append(result)
            if len(reported) == 2:
                workers.close()

        endless = Task(wait_for_ever, (7, str(tmp_path)), "7")
        with pytest.raises(ClusterError, match="was lost; what is done is kept"):
            run([*tasks_of(tmp_path), endless], Workforce(cluster=workers.scheduler_address), report=report)
    again = run(tasks_of(tmp_path), Workforce(2))
    assert dict(again.by_digest) == SQUARES
    assert again.kept == len(reported)


def test_a_worker_with_another_version_is_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "digest_of_product", lambda: "another")
    with pytest.raises(ClusterError, match="has another version of the project"):
        run(tasks_of(tmp_path)[:1], Workforce(cluster=cluster.scheduler_address))


def test_a_cluster_that_is_not_there_is_told():
    with pytest.raises(ClusterError, match="there is no scheduler at nowhere"):
        run([Task(square, (1, ""), "1")], Workforce(cluster="nowhere://1"))


def test_verdicts_on_a_cluster_are_those_here(cluster):
    entries = [catalogue().entries["momentum.unrolled"]]

    def verdicts(workforce):
        made = ledger.verify(entries, [], workforce=workforce, fresh=True)
        return [(result.name, result.verdict, result.detail, result.engines) for record in made.entries for result in record.evidence]

    assert verdicts(Workforce(cluster=cluster.scheduler_address)) == verdicts(Workforce(2))
