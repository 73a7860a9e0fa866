from shared.db.engine import Database
from shared.db.operations import cancel_job
from shared.db.studies import supersede_earlier
from shared.db.tables import Job, StudyRevision
from shared.db.views import StudyState, count_studies, find_study, list_results, list_studies
from shared.errors import PermanentError, TransientError
from tests.services.api.rows import done, failed, frozen, received, routed
from tests.shared.db.rows import receive


def state_of(database: Database, study_id: int) -> tuple[StudyState, str]:
    with database.read() as session:
        study = find_study(session, study_id)
    assert study is not None
    return study.state, study.reason


def test_a_study_goes_from_receiving_to_done(database: Database) -> None:
    with database.write() as session:
        received(session, "1.2.1")
    assert state_of(database, 1)[0] is StudyState.RECEIVING
    with database.write() as session:
        revision = frozen(session, "1.2.1")
    assert state_of(database, 1)[0] is StudyState.ROUTING
    with database.write() as session:
        (job,) = routed(session, session.get_one(StudyRevision, revision.id), "layers")
    assert state_of(database, 1)[0] is StudyState.PROCESSING
    with database.write() as session:
        done(session, job.id)
    assert state_of(database, 1)[0] is StudyState.DONE


def test_a_job_that_tries_again_says_why(database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.1"), "layers")
        failed(session, job.id, TransientError("the worker is busy"))

    assert state_of(database, 1) == (
        StudyState.PROCESSING,
        "layers: the worker is busy; tries again",
    )


def test_one_failed_job_asks_for_attention_while_another_still_runs(database: Database) -> None:
    with database.write() as session:
        bad, _ = routed(session, frozen(session, "1.2.1"), "perfusion", "segmentation")
        failed(session, bad.id, PermanentError("no keloid"))

    assert state_of(database, 1) == (StudyState.ATTENTION, "perfusion: no keloid")


def test_a_study_whose_jobs_were_all_cancelled_is_cancelled(database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.1"), "layers")
        cancel_job(session, job.id, code="operator", reason="asked")

    assert state_of(database, 1) == (StudyState.CANCELLED, "layers: asked")


def test_a_superseded_failure_asks_nobody_for_attention(database: Database) -> None:
    with database.write() as session:
        (job,) = routed(session, frozen(session, "1.2.1"), "layers")
        failed(session, job.id, PermanentError("too short"))
    with database.write() as session:
        receive(session, "1.2.1.late", "late", study="1.2.1")
    with database.write() as session:
        second = frozen(session, "1.2.1")
        (again,) = routed(session, second, "layers")
        done(session, again.id)
        supersede_earlier(session, second)

    assert state_of(database, 1)[0] is StudyState.DONE
    with database.read() as session:
        (study,), _ = list_studies(session)
        assert session.get_one(Job, job.id).superseded_at is not None
    assert study.revision == 2
    assert [one.id for one in study.jobs] == [again.id]


def test_conflicting_images_are_counted_apart(database: Database) -> None:
    with database.write() as session:
        receive(session, "1.2.1.1", "first", study="1.2.1")
        receive(session, "1.2.1.1", "other bytes", study="1.2.1")

    with database.read() as session:
        study = find_study(session, 1)
    assert study is not None
    assert [(one.instances, one.conflicts) for one in study.series] == [(2, 1)]


def test_every_state_is_counted_and_the_counts_are_those_of_the_list(database: Database) -> None:
    with database.write() as session:
        routed(session, frozen(session, "1.2.1"), "layers")
        routed(session, frozen(session, "1.2.2"))
        received(session, "1.2.3")

    with database.read() as session:
        counts = count_studies(session)
        listed = {state: list_studies(session, state=state)[1] for state in StudyState}

    assert counts == listed
    assert sum(counts.values()) == 3


def test_results_of_a_study_are_only_its_own(database: Database) -> None:
    with database.write() as session:
        first = frozen(session, "1.2.1")
        (one,) = routed(session, first, "layers")
        (other,) = routed(session, frozen(session, "1.2.2"), "layers")
        done(session, one.id)
        done(session, other.id)

    with database.read() as session:
        results, total = list_results(session, study_id=first.study_id)
    assert total == 2
    assert {result.job_id for result in results} == {one.id}
