"""Lists of jobs: pages, filters, order, and what they cost."""

from typing import Any

import pytest

from tests.factories import a_job


def names(response: Any) -> list[str]:
    assert response.status_code == 200
    return [job["name"] for job in response.json()["items"]]


def test_a_page_says_where_it_stands(api):
    for name in "abcde":
        a_job(name)
    page = api.get("/jobs?page=2&pageSize=2").json()
    assert [job["name"] for job in page.pop("items")] == ["c", "d"]
    assert page == {
        "totalCount": 5, "page": 2, "pageSize": 2, "totalPages": 3, "hasNextPage": True, "hasPreviousPage": True,
    }  # fmt: skip


def test_the_first_page_holds_twenty(api):
    for number in range(21):
        a_job(f"{number:02}")
    page = api.get("/jobs").json()
    assert (len(page["items"]), page["totalPages"], page["hasPreviousPage"]) == (20, 2, False)


def test_a_page_beyond_the_last_is_empty(api):
    a_job()
    page = api.get("/jobs?page=9").json()
    assert (page["items"], page["totalCount"], page["hasNextPage"]) == ([], 1, False)


def test_no_page_holds_more_than_two_hundred(api):
    assert api.get("/jobs?pageSize=100000").json()["pageSize"] == 200


def test_no_jobs_are_an_empty_page(api):
    page = api.get("/jobs").json()
    assert (page["items"], page["totalCount"], page["totalPages"], page["hasPreviousPage"]) == ([], 0, 0, False)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Alpha", "beta", "gamma"]),
        ("status=disabled", ["gamma"]),
        ("status=ENABLED", ["Alpha", "beta"]),
        ("status=", ["Alpha", "beta", "gamma"]),
        ("jobType=FailingJob", ["beta"]),
        ("queue=slow", ["beta"]),
        ("search=ALPH", ["Alpha"]),
        ("search=hidden", ["gamma"]),
        ("search=failing", ["beta"]),
        ("search=%25", []),
        ("status=Enabled&queue=slow", ["beta"]),
        ("order=-name", ["gamma", "beta", "Alpha"]),
        ("order=createdAt", ["beta", "Alpha", "gamma"]),
        ("order=-createdAt", ["gamma", "Alpha", "beta"]),
        ("order=nextExecutionAt", ["beta", "Alpha", "gamma"]),
        ("order=-nextExecutionAt", ["Alpha", "beta", "gamma"]),
    ],
)
def test_filters_and_order(api, query, found):
    a_job("beta", job_type="FailingJob", queue="slow", cron_expression="* * * * *")
    a_job("Alpha")
    a_job("gamma", status="Disabled", description="a hidden word")
    assert sorted(names(api.get(f"/jobs?{query}"))) == sorted(found)
    if "order" in query:
        assert names(api.get(f"/jobs?{query}")) == found


def test_a_list_costs_the_same_queries_however_long_it_is(api, django_assert_max_num_queries):
    for number in range(30):
        a_job(f"job {number}").figures.create(stripe=0, total=1)
    with django_assert_max_num_queries(5):
        assert len(api.get("/jobs?pageSize=30").json()["items"]) == 30


def test_one_job_costs_few_queries(api, django_assert_max_num_queries):
    job = a_job()
    with django_assert_max_num_queries(4):
        assert api.get(f"/jobs/{job.id}").status_code == 200
