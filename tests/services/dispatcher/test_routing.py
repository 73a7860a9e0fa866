from typing import Any

from services.dispatcher.routing import route
from services.dispatcher.rules import Rule, Scale, SiteRules, When
from shared.dicom.manifest import InstanceManifest, StudyManifest, study_manifest
from tests.services.dispatcher.catalogue import CATALOGUE


def instance(number: int = 1, **more: Any) -> InstanceManifest:
    values: dict[str, Any] = {
        "sop_instance_uid": f"1.2.3.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.77.1.4",
        "series_instance_uid": "1.2.9",
        "study_instance_uid": "1.2",
        "modality": "XC",
        "samples_per_pixel": 3,
        "number_of_frames": 1,
        "rows": 10,
        "columns": 10,
        "instance_number": number,
    }
    return InstanceManifest.model_validate(values | more)


def study(*instances: InstanceManifest) -> StudyManifest:
    return study_manifest("1.2", list(instances), frozenset({"ORTHANC"}))


def test_a_photo_goes_to_the_model_that_accepts_it() -> None:
    routing = route(study(instance()), CATALOGUE, SiteRules())

    (job,) = routing.jobs
    assert (job.model, job.sop_instance_uids) == ("colour", ("1.2.3.1",))
    assert routing.decisions[0].code == "accepted"


def test_our_own_result_is_never_routed_even_if_a_site_rule_wants_it() -> None:
    everything = SiteRules(rules=(Rule(name="all", when=When(), models=("colour",)),))
    own = instance(manufacturer="Cutis")

    routing = route(study(own), CATALOGUE, everything)

    assert routing.jobs == ()
    assert routing.decisions[0].code == "own-result"


def test_a_result_that_names_us_as_contributing_equipment_is_ours_too() -> None:
    own = instance(manufacturer="Gateway", contributing_manufacturers=("Cutis",))

    assert route(study(own), CATALOGUE, SiteRules()).jobs == ()


def test_a_series_no_model_reads_ends_with_the_reason() -> None:
    derm = instance(modality="DMS", sop_class_uid="1.2.840.10008.5.1.4.1.1.77.1.7")

    routing = route(study(derm), CATALOGUE, SiteRules())

    (decision,) = routing.decisions
    assert (decision.model, decision.code) == (None, "not-applicable")
    assert "modality DMS" in decision.reason


def test_a_series_that_a_model_declines_is_told_why() -> None:
    screenshot = instance(modality="OT", series_description="Laser speckle")

    (decision,) = route(study(screenshot), CATALOGUE, SiteRules()).decisions

    assert (decision.model, decision.code) == (None, "not-eligible")
    assert decision.reason == "a picture of speckle"


def test_a_picture_with_a_palette_is_in_colour() -> None:
    palette = instance(samples_per_pixel=1, photometric_interpretation="PALETTE COLOR")

    (job,) = route(study(palette), CATALOGUE, SiteRules()).jobs

    assert job.model == "colour"


def test_a_report_holds_no_image() -> None:
    report = instance(sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34", rows=0, modality="SR")

    (decision,) = route(study(report), CATALOGUE, SiteRules()).decisions

    assert "holds no image" in decision.reason


def test_forbidden_text_keeps_a_screenshot_out() -> None:
    screenshot = instance(series_description="Laser Speckle screenshot")

    assert route(study(screenshot), CATALOGUE, SiteRules()).jobs == ()


def test_a_study_with_two_series_yields_one_job_per_model() -> None:
    photo = instance(1)
    stack = instance(
        2,
        series_instance_uid="1.2.10",
        modality="OT",
        samples_per_pixel=1,
        number_of_frames=5,
        series_description="LC-OCT stack",
    )

    routing = route(study(photo, stack), CATALOGUE, SiteRules())

    assert [job.model for job in routing.jobs] == ["colour", "stack"]


def test_frame_limits_hold() -> None:
    too_long = instance(
        modality="OT", samples_per_pixel=1, number_of_frames=11, series_description="oct"
    )

    assert route(study(too_long), CATALOGUE, SiteRules()).jobs == ()


def test_only_the_matching_instances_of_a_series_are_read() -> None:
    good, gray = instance(1), instance(2, samples_per_pixel=1)

    routing = route(study(good, gray), CATALOGUE, SiteRules())

    assert routing.jobs[0].sop_instance_uids == ("1.2.3.1",)
    assert "1 of 2 instances" in routing.decisions[0].reason


def test_a_site_rule_decides_before_the_models_do() -> None:
    rules = SiteRules(
        rules=(
            Rule(name="keep out", when=When(station_name="^TEST$"), models=()),
            Rule(name="all stacks", when=When(calling_ae_title="ORTH"), models=("stack",)),
        )
    )

    tested = route(study(instance(station_name="TEST")), CATALOGUE, rules)
    other = route(study(instance()), CATALOGUE, rules)

    assert tested.jobs == ()
    assert [job.model for job in other.jobs] == ["stack"]
    assert "site rule: all stacks" in other.decisions[0].reason


def test_a_scale_of_the_site_goes_with_images_of_its_device_and_size() -> None:
    stand = Scale(
        name="stand", when=When(station_name="^STAND$"), rows=10, columns=10, mm_per_pixel=0.05
    )
    photos = (
        instance(1, station_name="STAND"),
        instance(2, station_name="HANDHELD"),
        instance(3, station_name="STAND", rows=20),
    )

    (job,) = route(study(*photos), CATALOGUE, SiteRules(scales=(stand,))).jobs

    assert job.scales == {"1.2.3.1": 0.05}


def test_routing_is_pure() -> None:
    manifest = study(instance(2), instance(1))

    assert route(manifest, CATALOGUE, SiteRules()) == route(manifest, CATALOGUE, SiteRules())
