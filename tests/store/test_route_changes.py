"""What an operator reads of a change of the routing table."""

from __future__ import annotations

from cluster_lb.settings.routes import RouteSettings
from cluster_lb.store.route_changes import route_changes


def route(**settings: object) -> RouteSettings:
    return RouteSettings.model_validate({"pool": "web", **settings})


def test_routes_come_leave_and_change_key_by_key():
    before = [route(path="/a"), route(name="b", path="/b"), route(path="/c")]
    after = [
        route(name="b", path="/b2", attempts=2, request_headers={"remove": ["x"]}),
        route(path="/c"),
        route(path="/d", pool="api"),
    ]
    assert list(route_changes(before, after)) == [
        "routes: '*=/a' to web: removed",
        "routes: 'b' path: /b -> /b2",
        'routes: \'b\' request_headers: {"set": {}, "add": {}, "remove": []} -> '
        '{"set": {}, "add": {}, "remove": ["x"]}',
        "routes: 'b' attempts: 0 -> 2",
        "routes: '*=/d' to api: new",
    ]


def test_another_order_is_a_change():
    one, other = route(path="/a"), route(path="/b")
    assert list(route_changes([one, other], [other, one])) == ["routes: another order"]


def test_a_setting_that_came_or_went_is_told():
    one = route(name="x")
    other = RouteSettings.model_validate({"name": "x", "respond": {"status": 404}})
    lines = list(route_changes([one], [other]))
    assert lines[0] == "routes: 'x' pool: web -> \"\""
    assert lines[1].startswith("routes: 'x' respond: null -> {\"status\": 404")


def test_equal_tables_have_no_difference():
    assert list(route_changes([route(path="/a")], [route(path="/a")])) == []
