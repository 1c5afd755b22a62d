"""The demonstration's tour: eight steps in each language, a banner on every page, and none of it in an office for real."""

import re

import pytest

from tosqauyl.texts import LANGUAGES
from tosqauyl.web.pages.tour import STEPS


@pytest.fixture
def demo(office):
    """The office as a demonstration."""
    office.is_demo = True


def test_an_office_for_real_has_no_tour_and_no_banner(staff):
    supervisor = staff("supervisor")
    supervisor.see("/office/tour", 404)
    supervisor.see("/office/tour/1", 404)
    assert 'class="demo"' not in supervisor.see("/office")


@pytest.mark.usefixtures("demo")
def test_every_page_says_that_its_data_are_a_sample(staff, citizen):
    assert "Sample data" in staff("supervisor").see("/office/reports")
    assert "Sample data" in citizen.see("/")
    assert "Sample data" in citizen.see("/nowhere", 404)


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_step_leads_to_its_page_and_back(staff, language):
    supervisor = staff("supervisor")
    supervisor.language = language
    page = supervisor.see("/office/tour")
    for number, step in enumerate(STEPS, 1):
        assert f'href="/{language}/office/tour/{number}"' in page
        page = supervisor.see(f"/office/tour/{number}")
        assert re.search(rf'<progress max="{len(STEPS)}" value="{number}"', page)
        place = re.search(r'id="tour-see" href="([^"]*)"', page)[1].replace("&amp;", "&")
        assert place.startswith(f"/{language}{step.path}")
        seen = supervisor.get(place)
        assert seen.status_code in (200, 404), place  # there is no ledger here
        assert f'href="/{language}/office/tour/{number}"' in seen.text


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("step", ["0", "9", "x", "1x", "%31%30"])
def test_a_step_that_is_none_is_not_found(staff, step):
    staff("analyst").see(f"/office/tour/{step}", 404)


@pytest.mark.usefixtures("demo")
def test_whoever_may_not_see_a_page_is_told_so(staff):
    text = staff("bank", "halyk").see("/office/tour/1")
    assert 'id="tour-see"' not in text
    assert "sample-supervisor" in text


@pytest.mark.usefixtures("demo")
def test_nobody_who_is_not_signed_in_sees_the_tour(citizen):
    got = citizen.get("/en/office/tour/2")
    assert (got.status_code, got.headers["location"]) == (303, "/en/office/sign-in?next=%2Foffice%2Ftour%2F2")
